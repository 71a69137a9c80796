//! The rules between a driver and the Plug and Play and power managers: one row each, with the page that states it.

use crate::rules::Rule;

macro_rules! rules {
    ($($name:ident: $id:literal, $title:literal, $source:literal;)*) => {
        $(#[doc = $title] pub(crate) static $name: Rule = Rule { id: $id, fatal: false, title: $title, source: $source };)*
        /// The managers' rules.
        pub(crate) static TABLE: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    MUST_SUCCEED: "pnp-must-succeed",
        "A stop that was agreed to, the end of a question, a surprise removal and a new power state cannot be refused.",
        "Driver Verifier, DDI compliance: PnpRemove, bug check 0xC4 (0x00043006); kernel: Handling an IRP_MN_SURPRISE_REMOVAL Request; Handling IRP_MN_SET_POWER for Device Power States";
    OPEN_WHILE_PENDING: "pnp-open-while-pending",
        "Once a driver has agreed to a removal it refuses every new open.",
        "kernel: Handling an IRP_MN_QUERY_REMOVE_DEVICE Request";
    OPEN_WHEN_GONE: "pnp-open-when-gone",
        "A device that was surprise-removed cannot be opened.",
        "kernel: Handling an IRP_MN_SURPRISE_REMOVAL Request, step 4";
    PENDED_WHEN_GONE: "pnp-pended-when-gone",
        "A surprise removal fails every outstanding request.",
        "kernel: Handling an IRP_MN_SURPRISE_REMOVAL Request, step 5";
    INTERFACE_LEFT: "pnp-interface-left",
        "A driver disables its device interfaces when its device is removed.",
        "kernel: Handling an IRP_MN_SURPRISE_REMOVAL Request, step 7; Removing a Device in a Function Driver, step 6";
}
