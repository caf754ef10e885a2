use super::mapping::{Destination, Mapped, Mapping, Mappings};

fn destination(subject: &str, weight: u8, cluster: Option<&str>) -> Destination {
    Destination { subject: subject.to_owned(), weight, cluster: cluster.map(str::to_owned) }
}

fn mappings(list: &[(&str, &[Destination])]) -> Mappings {
    let mut mappings = Mappings::default();
    for (source, destinations) in list {
        mappings.add(Mapping::new(source, destinations).unwrap());
    }
    mappings
}

/// How many of the hundred chances lead where.
fn shares(mappings: &Mappings, subject: &str, cluster: Option<&str>) -> Vec<(String, u32)> {
    let mut shares = std::collections::BTreeMap::new();
    for chance in 0..100 {
        let name = match mappings.map(subject.as_bytes(), cluster, chance) {
            Mapped::Unchanged => "=".to_owned(),
            Mapped::Lost => "lost".to_owned(),
            Mapped::To(subject) => String::from_utf8(subject).unwrap(),
        };
        *shares.entry(name).or_insert(0) += 1;
    }
    shares.into_iter().collect()
}

fn expected(list: &[(&str, u32)]) -> Vec<(String, u32)> {
    list.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn weights_share_the_messages() {
    let all = mappings(&[
        ("one", &[Destination::all("uno")]),
        ("two", &[destination("a", 30, None), destination("b", 20, None)]),
        ("loss", &[destination("loss", 50, None), destination("b", 20, None)]),
        ("wild.*", &[destination("tame.$1", 10, None)]),
        ("none", &[]),
    ]);
    assert_eq!(shares(&all, "one", None), expected(&[("uno", 100)]));
    assert_eq!(shares(&all, "two", None), expected(&[("a", 30), ("b", 20), ("two", 50)]));
    assert_eq!(shares(&all, "loss", None), expected(&[("b", 20), ("loss", 50), ("lost", 30)]));
    assert_eq!(shares(&all, "wild.x", None), expected(&[("tame.x", 10), ("wild.x", 90)]));
    assert_eq!(shares(&all, "none", None), expected(&[("none", 100)]));
    assert_eq!(shares(&all, "other", None), expected(&[("=", 100)]));
}

#[test]
fn clusters_have_their_own_destinations() {
    let all = mappings(&[("x", &[destination("e", 100, Some("east")), destination("w", 40, Some("west"))])]);
    assert_eq!(shares(&all, "x", Some("east")), expected(&[("e", 100)]));
    assert_eq!(shares(&all, "x", Some("west")), expected(&[("w", 40), ("x", 60)]));
    assert_eq!(shares(&all, "x", None), expected(&[("x", 100)]));
}

#[test]
fn the_first_mapping_counts_and_the_last_of_a_source() {
    let all = mappings(&[
        ("a.*", &[Destination::all("first")]),
        ("a.b", &[Destination::all("second")]),
        ("a.*", &[Destination::all("third")]),
    ]);
    assert_eq!(shares(&all, "a.b", None), expected(&[("third", 100)]));
    assert!(all.apply_to(b"a.c") && !all.apply_to(b"b"));
}

#[test]
fn faults_are_told_in_the_words_of_nats_server() {
    let error = |source: &str, list: &[Destination]| Mapping::new(source, list).unwrap_err().to_string();
    assert_eq!(error("a..b", &[]), "invalid subject");
    assert_eq!(error("a", &[destination("b", 101, None)]), "individual weights need to be <= 100");
    assert_eq!(
        error("a", &[destination("b", 60, None), destination("c", 60, None)]),
        "total weight needs to be <= 100"
    );
    assert_eq!(error("a", &[destination("b", 1, None), destination("b", 1, None)]), "duplicate entry for \"b\"");
    assert_eq!(error("a", &[Destination::all("b..c")]), "invalid mapping destination: invalid transform");
    assert_eq!(error("a", &[Destination::all("b c")]), "invalid mapping destination: invalid transform");
    assert_eq!(error("a", &[Destination::all(">.x")]), "invalid mapping destination: invalid transform in x");
    assert!(Mapping::new("a", &[destination("b", 60, Some("x")), destination("c", 60, Some("y"))]).is_ok());
}
