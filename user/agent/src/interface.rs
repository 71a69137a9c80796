//! Which device interface an audio endpoint stands on, from the identifier that the device topology gives.

/// A device interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Instance of the device node, in capitals: `ROOT\MEDIA\0000`.
    pub instance: String,
    /// Reference string: `TopologyRender`; empty when it has none.
    pub reference: String,
}

impl Interface {
    /// Reads `{2}.\\?\root#media#0000#{class}\reference`, what `IConnector::GetDeviceIdConnectedTo` gives for an adapter device ("Device
    /// Topologies"); the part from `\\?\` on is the symbolic link of the interface, in which every `\` of the instance is a `#` (inferred:
    /// the documentation calls the link opaque, `CM_Get_Device_Interface_Property` asks for a device that is there).
    pub fn parse(id: &str) -> Option<Self> {
        let (_, link) = id.split_once(r"\\?\")?;
        let (path, reference) = link.split_once('}').map(|(path, rest)| {
            let reference = rest.strip_prefix('\\').unwrap_or("");
            (path, reference.to_owned())
        })?;
        let (instance, _class) = path.rsplit_once("#{")?;
        if instance.is_empty() {
            return None;
        }
        Some(Self {
            instance: instance.replace('#', r"\").to_uppercase(),
            reference,
        })
    }

    /// The number that the reference string ends with: which cable of the node it is.
    pub fn number(&self) -> Option<u32> {
        let digits = self
            .reference
            .trim_start_matches(|c: char| !c.is_ascii_digit());
        digits.parse().ok()
    }

    /// Whether it belongs to the device node with this instance; Windows does not keep their case.
    pub fn is_of(&self, instance: &str) -> bool {
        self.instance.eq_ignore_ascii_case(instance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(id: &str, expect: Option<(&str, &str)>) {
        let got = Interface::parse(id);
        let got = got.as_ref().map(|it| (&*it.instance, &*it.reference));
        assert_eq!(got, expect, "{id}");
    }

    #[test]
    fn an_endpoint_is_traced_to_its_filter() {
        let class = "{6994ad04-93ef-11d0-a3cc-00a0c9223196}";
        check(
            &format!(r"{{2}}.\\?\root#media#0000#{class}\TopologyRender2"),
            Some((r"ROOT\MEDIA\0000", "TopologyRender2")),
        );
        check(
            &format!(r"{{2}}.\\?\hdaudio#func_01&ven_10ec#4&1a#{class}"),
            Some((r"HDAUDIO\FUNC_01&VEN_10EC\4&1A", "")),
        );
        check("{0.0.0.00000000}.{8f2c}", None);
        check(r"{2}.\\?\#{class}\x", None);
        let of = |instance| {
            Interface::parse(&format!(r"\\?\root#media#0001#{class}\x"))
                .is_some_and(|it| it.is_of(instance))
        };
        let number = |reference: &str| {
            Interface::parse(&format!(r"\\?\root#media#0000#{class}\{reference}"))
                .and_then(|it| it.number())
        };
        assert_eq!(number("TopologyRender12"), Some(12));
        assert_eq!(number("Topology"), None);
        assert!(of(r"Root\Media\0001"));
        assert!(!of(r"Root\Media\0000"));
    }
}
