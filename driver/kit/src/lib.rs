//! An open driver kit for hosts without the WDK: headers, import libraries, wdk-build.
