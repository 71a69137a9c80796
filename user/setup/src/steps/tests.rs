//! Every step fails in turn, alone and with every later one: what was here before is here again, or the error says what is not.

use std::collections::BTreeSet;

use super::*;
use crate::decide::{Node, Stored};
use crate::version::Version;

const OURS: Version = Version([2, 0, 0, 0]);
const OLDER: Version = Version([1, 0, 0, 0]);

/// What a machine is, as far as it may be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    found: Found,
    services: BTreeSet<String>,
}

struct Fake {
    state: State,
    /// What the driver comes to.
    trouble: Option<&'static str>,
    restart: bool,
    calls: Vec<String>,
    /// Numbers of the calls that fail.
    fails: Vec<usize>,
    kept: Vec<String>,
    said: Vec<String>,
}

impl Fake {
    fn new(found: Found) -> Self {
        let services = found.nodes.iter().filter_map(|node| node.service.clone());
        let services = services.collect();
        Self {
            state: State { found, services },
            trouble: None,
            restart: false,
            calls: Vec::new(),
            fails: Vec::new(),
            kept: Vec::new(),
            said: Vec::new(),
        }
    }

    fn call(&mut self, what: &str) -> Result<()> {
        self.calls.push(what.into());
        match self.fails.contains(&(self.calls.len() - 1)) {
            true => bail!("{what} fails"),
            false => Ok(()),
        }
    }

    fn drive(&mut self, version: Version, trouble: Option<&str>) {
        for node in &mut self.state.found.nodes {
            node.version = Some(version);
            node.trouble = trouble.map(str::to_owned);
            node.service = Some("card".into());
        }
        self.state.services.insert("card".into());
    }
}

impl Machine for Fake {
    fn find(&mut self) -> Result<Found> {
        self.call("find")?;
        Ok(self.state.found.clone())
    }

    fn trust(&mut self) -> Result<()> {
        // Half of it is done when it fails.
        self.state.found.trusted_by_us.push("cert".into());
        self.call("trust")?;
        self.state.found.trusted = true;
        Ok(())
    }

    fn distrust(&mut self, but: &[String]) -> Result<()> {
        self.call("distrust")?;
        let trusted = &mut self.state.found.trusted_by_us;
        trusted.retain(|one| but.contains(one));
        self.state.found.trusted = false;
        Ok(())
    }

    fn make_node(&mut self) -> Result<String> {
        self.call("make")?;
        self.state.found.nodes.push(node(None));
        Ok("NODE".into())
    }

    fn remove_node(&mut self, instance: &str) -> Result<bool> {
        self.call("remove")?;
        self.state
            .found
            .nodes
            .retain(|node| node.instance != instance);
        Ok(self.restart)
    }

    fn keep(&mut self, name: &str) -> Result<()> {
        self.call("keep")?;
        self.kept.push(name.into());
        Ok(())
    }

    fn store(&mut self) -> Result<String> {
        self.call("store")?;
        let name = "oem9.inf";
        if self.state.found.stored.iter().all(|one| one.name != name) {
            self.state.found.stored.push(stored(name, OURS));
        }
        Ok(name.into())
    }

    fn install(&mut self) -> Result<bool> {
        // The worst kind of failure: the driver that was there is gone all the same.
        let failed = self.call("install");
        self.drive(
            OURS,
            if failed.is_err() {
                Some("code 31")
            } else {
                self.trouble
            },
        );
        failed.map(|()| self.restart)
    }

    fn install_kept(&mut self, name: &str) -> Result<bool> {
        self.call("install kept")?;
        assert!(
            self.kept.iter().any(|kept| kept == name),
            "{name} was not kept"
        );
        self.drive(OLDER, None);
        Ok(false)
    }

    fn forget(&mut self, name: &str) -> Result<()> {
        self.call("forget")?;
        self.state.found.stored.retain(|stored| stored.name != name);
        Ok(())
    }

    fn delete_service(&mut self, name: &str) -> Result<()> {
        self.call("delete service")?;
        self.state.services.remove(name);
        Ok(())
    }

    fn say(&mut self, line: &str) {
        self.said.push(line.into());
    }
}

fn node(version: Option<Version>) -> Node {
    Node {
        instance: "NODE".into(),
        service: version.map(|_| "card".into()),
        version,
        trouble: version.is_none().then(|| "code 28".into()),
    }
}

fn stored(name: &str, version: Version) -> Stored {
    Stored {
        name: name.into(),
        version: Some(version),
    }
}

fn clean() -> Found {
    Found::default()
}

fn older() -> Found {
    Found {
        nodes: vec![node(Some(OLDER))],
        // One that nobody uses any more.
        stored: vec![
            stored("oem1.inf", Version([0, 5, 0, 0])),
            stored("oem2.inf", OLDER),
        ],
        // That of the older package.
        trusted_by_us: vec!["older".into()],
        ..Found::default()
    }
}

#[test]
fn an_installation_leaves_one_package_on_a_node_that_works() {
    for (before, steps) in [
        (clean(), "trust make store install find"),
        (older(), "keep trust store install find forget forget"),
    ] {
        let mut fake = Fake::new(before.clone());
        assert!(!install(&mut fake, &before, true).expect("nothing fails"));
        assert_eq!(fake.calls.join(" "), steps);
        let found = &fake.state.found;
        assert!(found.works() && found.version() == Some(OURS), "{found:?}");
        assert_eq!(found.stored, [stored("oem9.inf", OURS)]);
        let after = fake.state.found.clone();
        assert!(!remove(&mut fake, &after).expect("nothing fails"));
        assert!(fake.state.found.is_nothing() && fake.state.services.is_empty());
    }
}

/// Runs with these failures; whether the machine is as before, and the error.
fn with_failures(
    before: &Found,
    trouble: Option<&'static str>,
    fails: &[usize],
) -> (Fake, bool, Option<String>) {
    let mut fake = Fake::new(before.clone());
    fake.trouble = trouble;
    fake.fails = fails.to_vec();
    let start = fake.state.clone();
    let result = install(&mut fake, before, true);
    let same = fake.state == start;
    (fake, same, result.err().map(|error| format!("{error:#}")))
}

#[test]
fn whatever_fails_what_was_here_before_is_here_again() {
    for before in [clean(), older()] {
        let mut failed = 0;
        for trouble in [None, Some("code 10")] {
            let calls = with_failures(&before, trouble, &[]).0.calls.len();
            for at in 0..calls {
                let (fake, same, error) = with_failures(&before, trouble, &[at]);
                let Some(error) = error else {
                    // An older package that stays is told, and no failure.
                    assert_eq!(fake.calls[at], "forget");
                    assert!(
                        fake.said.iter().any(|line| line.contains("stays")),
                        "{:?}",
                        fake.said
                    );
                    continue;
                };
                failed += 1;
                let told = error.contains("not everything could be undone");
                assert!(same || told, "{:?} at {at}: {error}", fake.calls);
                assert!(
                    same == error.contains("is as it was before"),
                    "{:?} at {at}: {error}",
                    fake.calls
                );
                for other in at + 1..fake.calls.len() {
                    let (fake, same, error) = with_failures(&before, trouble, &[at, other]);
                    let error = error.expect("the first fails");
                    let told = error.contains("not everything could be undone");
                    assert!(
                        same || told,
                        "{:?} at {at} and {other}: {error}",
                        fake.calls
                    );
                }
            }
        }
        assert!(failed > 8, "{failed} ways to fail were tried");
    }
}

#[test]
fn a_driver_that_comes_with_the_next_start_is_not_judged() {
    let mut fake = Fake::new(older());
    fake.trouble = Some("code 38");
    fake.restart = true;
    assert!(install(&mut fake, &older(), false).expect("it waits for a restart"));
    assert!(remove(&mut fake, &older()).expect("so does the removal"));
}

#[test]
fn what_cannot_be_removed_does_not_keep_the_rest() {
    let before = older();
    for at in 0..5 {
        let mut fake = Fake::new(before.clone());
        fake.fails = vec![at];
        let error = remove(&mut fake, &before)
            .expect_err("a step fails")
            .to_string();
        assert!(
            error.contains("not everything is removed") && error.contains("fails"),
            "{error}"
        );
        let found = &fake.state.found;
        let left = found.nodes.len()
            + found.stored.len()
            + found.trusted_by_us.len()
            + fake.state.services.len();
        assert_eq!(left, 1, "{:?} at {at}: {:?}", fake.calls, fake.state);
    }
}

#[test]
fn the_way_back_is_the_package_that_the_nodes_state() {
    let check = |change: fn(&mut Found), expect: Option<&str>| {
        let mut found = older();
        change(&mut found);
        assert_eq!(package_in_use(&found).as_deref(), expect, "{found:?}");
    };
    check(|_| {}, Some("oem2.inf"));
    check(|it| it.stored.reverse(), Some("oem2.inf"));
    check(|it| it.nodes[0].version = None, Some("oem2.inf"));
    check(|it| it.nodes[0].version = Some(OURS), Some("oem2.inf"));
    check(|it| it.stored.clear(), None);
    check(|it| it.nodes.clear(), None);
}
