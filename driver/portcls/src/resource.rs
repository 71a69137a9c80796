//! Resource lists and registry keys as PortCls hands them out (portcls.h).

use crate::unknown::interfaces;
use crate::{
    CM_PARTIAL_RESOURCE_DESCRIPTOR, CM_RESOURCE_LIST, IUnknownVtbl, NTSTATUS,
    RTL_QUERY_REGISTRY_TABLE, UNICODE_STRING,
};
use core::ffi::c_void;

/// Table of [`IResourceList`]. 11 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IResourceListVtbl {
    /// IUnknown.
    pub base: IUnknownVtbl,
    /// How many resources there are.
    pub NumberOfEntries: unsafe extern "efiapi" fn(this: *mut c_void) -> u32,
    /// How many of one type (`CM_RESOURCE_TYPE`).
    pub NumberOfEntriesOfType: unsafe extern "efiapi" fn(this: *mut c_void, kind: u32) -> u32,
    /// The translated one of a type by index, or NULL.
    pub FindTranslatedEntry: unsafe extern "efiapi" fn(
        this: *mut c_void,
        kind: u32,
        index: u32,
    ) -> *mut CM_PARTIAL_RESOURCE_DESCRIPTOR,
    /// The untranslated one of a type by index, or NULL.
    pub FindUntranslatedEntry: unsafe extern "efiapi" fn(
        this: *mut c_void,
        kind: u32,
        index: u32,
    )
        -> *mut CM_PARTIAL_RESOURCE_DESCRIPTOR,
    /// `(this, Translated, Untranslated)`.
    pub AddEntry: unsafe extern "efiapi" fn(
        this: *mut c_void,
        translated: *mut CM_PARTIAL_RESOURCE_DESCRIPTOR,
        untranslated: *mut CM_PARTIAL_RESOURCE_DESCRIPTOR,
    ) -> NTSTATUS,
    /// `(this, Parent, Type, Index)`.
    pub AddEntryFromParent: unsafe extern "efiapi" fn(
        this: *mut c_void,
        parent: *mut IResourceList,
        kind: u32,
        index: u32,
    ) -> NTSTATUS,
    /// All translated resources.
    pub TranslatedList: unsafe extern "efiapi" fn(this: *mut c_void) -> *mut CM_RESOURCE_LIST,
    /// All untranslated resources.
    pub UntranslatedList: unsafe extern "efiapi" fn(this: *mut c_void) -> *mut CM_RESOURCE_LIST,
}

/// Table of [`IRegistryKey`]. 11 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IRegistryKeyVtbl {
    /// IUnknown.
    pub base: IUnknownVtbl,
    /// `(this, KeyInformationClass, KeyInformation, Length, ResultLength)`.
    pub QueryKey: unsafe extern "efiapi" fn(
        this: *mut c_void,
        class: i32,
        information: *mut c_void,
        length: u32,
        result_length: *mut u32,
    ) -> NTSTATUS,
    /// `(this, Index, KeyInformationClass, KeyInformation, Length, ResultLength)`.
    pub EnumerateKey: unsafe extern "efiapi" fn(
        this: *mut c_void,
        index: u32,
        class: i32,
        information: *mut c_void,
        length: u32,
        result_length: *mut u32,
    ) -> NTSTATUS,
    /// `(this, ValueName, KeyValueInformationClass, KeyValueInformation, Length, ResultLength)`.
    pub QueryValueKey: unsafe extern "efiapi" fn(
        this: *mut c_void,
        name: *mut UNICODE_STRING,
        class: i32,
        information: *mut c_void,
        length: u32,
        result_length: *mut u32,
    ) -> NTSTATUS,
    /// `(this, Index, KeyValueInformationClass, KeyValueInformation, Length, ResultLength)`.
    pub EnumerateValueKey: unsafe extern "efiapi" fn(
        this: *mut c_void,
        index: u32,
        class: i32,
        information: *mut c_void,
        length: u32,
        result_length: *mut u32,
    ) -> NTSTATUS,
    /// `(this, ValueName, Type, Data, DataSize)`.
    pub SetValueKey: unsafe extern "efiapi" fn(
        this: *mut c_void,
        name: *mut UNICODE_STRING,
        kind: u32,
        data: *mut c_void,
        size: u32,
    ) -> NTSTATUS,
    /// `(this, QueryTable, Context)`.
    pub QueryRegistryValues: unsafe extern "efiapi" fn(
        this: *mut c_void,
        table: *mut RTL_QUERY_REGISTRY_TABLE,
        context: *mut c_void,
    ) -> NTSTATUS,
    /// `(this, RegistrySubKey, OuterUnknown, DesiredAccess, SubKeyName, CreateOptions, Disposition)`.
    pub NewSubKey: unsafe extern "efiapi" fn(
        this: *mut c_void,
        out: *mut *mut IRegistryKey,
        outer: *mut c_void,
        access: u32,
        name: *mut UNICODE_STRING,
        options: u32,
        disposition: *mut u32,
    ) -> NTSTATUS,
    /// Deletes the key.
    pub DeleteKey: unsafe extern "efiapi" fn(this: *mut c_void) -> NTSTATUS,
}

interfaces! {
    pub IResourceList: IResourceListVtbl, IID_IResourceList, "A device's hardware resources.";
    pub IRegistryKey: IRegistryKeyVtbl, IID_IRegistryKey, "An open registry key.";
}
