//! Driver package formats: PE rules, Authenticode, catalog, INF; making and verifying.
