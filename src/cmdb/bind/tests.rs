use super::*;

const CMDB: &str = "
cis:
  web-1: {class: server, rack: R1, address: 10.0.0.1, labels: {host: web-1, site: fra}}
  web-2: {class: server, rack: R1, address: '10.0.0.2'}
  db-1: {class: database, address: 10.0.0.1, rack: R2}
  v6: {class: server, address: '2001:db8::1'}
  shop: {class: service, labels: {namespace: shop}}
  cart: {class: service, labels: {namespace: shop, service: cart}}
  cart-0: {class: pod, labels: {namespace: shop, service: cart, pod: cart-0}}
  twin-a: {class: pod, labels: {pod: twin}}
  twin-b: {class: pod, labels: {pod: twin}}
";

/// A key of values that have one label and one attribute each; in `a|b` any of these may have it.
fn key(labels: &[&str], class: Option<&str>, attributes: &[&str]) -> BindingKey {
    let texts = |list: &[&str]| {
        list.iter().map(|one| one.split('|').map(Into::into).collect()).collect::<Vec<Vec<_>>>()
    };
    let (labels, attributes) = (texts(labels), texts(attributes));
    // Only `instance` has a port.
    let port = labels == [["instance".into()]];
    let normalise = port.then_some(Normalise::StripPort).into_iter().collect();
    BindingKey { labels, class: class.map(Into::into), attributes, normalise }
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::build(&mut pairs.to_vec()).unwrap()
}

fn check(pairs: &[(&str, &str)], expected: Option<(&str, &str)>) {
    let topology = Topology::of(CMDB);
    let keys = [
        key(&["rack", "class"], None, &["rack", "class"]),
        key(&["instance"], Some("server"), &["address"]),
        key(&["instance"], None, &["name"]),
        key(&["instance"], None, &[]),
        key(&["owner"], None, &["owner"]),
    ];
    let binder = Binder::new(&topology, &keys);
    let bound = binder.bind(&topology, &labels(pairs));
    let bound = bound.as_ref().map(|bound| (&*topology.ci(bound.ci).name, &*bound.by));
    assert_eq!(bound, expected, "{pairs:?}");
}

#[test]
fn the_label_ci_comes_first_and_an_unknown_one_decides_nothing() {
    check(&[("ci", "db-1"), ("namespace", "shop")], Some(("db-1", "label ci")));
    check(&[("ci", "db-9"), ("namespace", "shop")], Some(("shop", "label namespace")));
    check(&[("ci", "db-9")], None);
}

#[test]
fn the_largest_label_set_that_is_wholly_on_the_alert_binds() {
    let cart = ("cart", "labels namespace, service");
    let pod = [("namespace", "shop"), ("pod", "cart-0"), ("service", "cart")];
    check(&pod, Some(("cart-0", "labels namespace, pod, service")));
    check(&[("namespace", "shop"), ("service", "cart"), ("job", "x")], Some(cart));
    check(&[("namespace", "shop"), ("pod", "other"), ("service", "cart")], Some(cart));
    check(&[("namespace", "shop"), ("service", "mail")], Some(("shop", "label namespace")));
    check(&[("service", "cart")], None);
    check(&[], None);
}

#[test]
fn what_fits_several_cis_binds_to_none() {
    // Two CIs with the same labels, two label sets of one size, two CIs with the same values.
    check(&[("pod", "twin")], None);
    check(&[("host", "web-1"), ("namespace", "shop"), ("service", "cart"), ("site", "fra")], None);
    check(&[("rack", "R1"), ("class", "server")], None);
    // The weaker key would find one, but the stronger one found several.
    check(&[("rack", "R1"), ("class", "server"), ("instance", "db-1")], None);
}

#[test]
fn keys_bind_in_their_order_to_a_ci_of_their_class() {
    check(&[("rack", "R2"), ("class", "database")], Some(("db-1", "key rack, class")));
    check(&[("rack", "R2")], None);
    for (instance, ci) in [
        ("10.0.0.1:9100", Some("web-1")),
        ("10.0.0.1", Some("web-1")),
        ("10.0.0.2:9100", Some("web-2")),
        ("db-1:9100", Some("db-1")),
        ("[2001:db8::1]:9100", Some("v6")),
        ("2001:db8::1", Some("v6")),
        ("10.0.0.9:9100", None),
        ("", None),
    ] {
        check(&[("instance", instance)], ci.map(|ci| (ci, "key instance")));
    }
}

#[test]
fn a_ci_without_the_attribute_is_never_recognised_by_it() {
    // Not even by an empty value, which would fit every CI that has none.
    check(&[("owner", "")], None);
}

const HOSTS: &str = "
cis:
  web-1: {class: server, fqdn: web-1.fra.example.com}
  WEB-2: {class: server, aliases: 'www, shop.example.com,10.0.0.2'}
  web-3.fra.example.com: {class: server}
  web-4.fra.example.com: {class: server}
  web-4.ams.example.com: {class: server}
  shop/cart: {class: service, namespace: shop, short_name: cart}
  shop/mail: {class: service, namespace: shop, short_name: mail}
";

/// How an alert is answered by one key with these options.
fn answer(key: BindingKey, normalise: &[Normalise], pairs: &[(&str, &str)]) -> String {
    let topology = Topology::of(HOSTS);
    let key = BindingKey { normalise: normalise.iter().copied().collect(), ..key };
    let name = |ci: &CiId| topology.ci(*ci).name.to_string();
    match Binder::new(&topology, &[key]).answer(&topology, &labels(pairs)) {
        Answer::Bound(Bound { ci, by }) => format!("{} by {by}", name(&ci)),
        Answer::Ambiguous { by, among, count } => {
            let among: Vec<String> = among.iter().map(name).collect();
            format!("{count} by {by}: {}", among.join(", "))
        }
        Answer::Unbound => "none".into(),
    }
}

#[test]
fn each_option_binds_what_would_else_not_be() {
    use Normalise::{IgnoreCase, SplitLists, StripDomain, StripPort};
    let host = || key(&["host"], None, &["name|fqdn|aliases"]);
    let fra = "web-4.ams.example.com by key host";
    let both = "2 by key host: web-4.ams.example.com, web-4.fra.example.com";
    for (option, value, without, with) in [
        (StripPort, "web-1:9100", "none", "web-1 by key host"),
        (StripDomain, "web-1.example.com", "none", "web-1 by key host"),
        (StripDomain, "web-3", "none", "web-3.fra.example.com by key host"),
        // Only the domain tells them apart, and nobody guesses.
        (StripDomain, "web-4.ams.example.com", fra, both),
        (StripDomain, "10.0.0.2", "none", "none"),
        (IgnoreCase, "web-2", "none", "WEB-2 by key host"),
        (IgnoreCase, "WEB-1", "none", "web-1 by key host"),
        (SplitLists, "shop.example.com", "none", "WEB-2 by key host"),
        (SplitLists, "10.0.0.2", "none", "WEB-2 by key host"),
        (SplitLists, "www, shop.example.com,10.0.0.2", "WEB-2 by key host", "none"),
    ] {
        let pairs = [("host", value)];
        assert_eq!(answer(host(), &[], &pairs), without, "{option:?} {value}");
        assert_eq!(answer(host(), &[option], &pairs), with, "{option:?} {value}");
    }
    let all = [StripPort, StripDomain, IgnoreCase, SplitLists];
    for (value, expected) in [
        ("WEB-1.Fra.Example.com:9100", "web-1 by key host"),
        ("Shop:80", "WEB-2 by key host"),
        ("db-1", "none"),
    ] {
        assert_eq!(answer(host(), &all, &[("host", value)]), expected, "{value}");
    }
}

#[test]
fn labels_are_tried_in_their_order_until_one_leads_to_a_ci() {
    let host = || key(&["instance|host|node"], None, &["name|fqdn"]);
    for (pairs, expected) in [
        (&[("host", "web-1"), ("node", "WEB-2")][..], "web-1 by key host"),
        (&[("instance", "10.0.0.9:9100"), ("node", "WEB-2")], "WEB-2 by key node"),
        (&[("instance", "web-1.fra.example.com"), ("node", "WEB-2")], "web-1 by key instance"),
        (&[("instance", "10.0.0.9:9100"), ("node", "db-1")], "none"),
        (&[("job", "web-1")], "none"),
    ] {
        assert_eq!(answer(host(), &[], pairs), expected, "{pairs:?}");
    }
    let service =
        || key(&["namespace", "service|app"], Some("service"), &["namespace", "short_name"]);
    for (pairs, expected) in [
        (&[("namespace", "shop"), ("app", "cart")][..], "shop/cart by key namespace, app"),
        (
            &[("namespace", "shop"), ("app", "cart"), ("service", "mail")],
            "shop/mail by key namespace, service",
        ),
        (&[("namespace", "other"), ("app", "cart")], "none"),
        (&[("app", "cart")], "none"),
    ] {
        assert_eq!(answer(service(), &[], pairs), expected, "{pairs:?}");
    }
}

#[test]
fn what_is_ambiguous_names_who_it_could_be_and_how_many() {
    let topology = Topology::of(
        "cis: {a: {class: vm, rack: R, labels: {host: x}}, b: {class: vm, rack: R, labels: {host: x}},
               c: {class: vm, rack: R, labels: {node: y}}, d: {class: vm, rack: R},
               e: {class: vm, rack: R}, f: {class: vm, rack: R}, g: {class: vm, rack: R}}",
    );
    let binder = Binder::new(&topology, &[key(&["rack"], None, &["rack"])]);
    for (pairs, by, names, count) in [
        (&[("host", "x")][..], "label host", "a b", 2),
        (&[("host", "x"), ("node", "y")], "label host and label node", "a b c", 3),
        (&[("rack", "R")], "key rack", "a b c d e", 7),
    ] {
        let Answer::Ambiguous { by: found_by, among, count: found } =
            binder.answer(&topology, &labels(pairs))
        else {
            panic!("{pairs:?}")
        };
        let among: Vec<&str> = among.iter().map(|ci| &*topology.ci(*ci).name).collect();
        assert_eq!((&*found_by, among.join(" "), found), (by, names.to_owned(), count));
        assert_eq!(binder.bind(&topology, &labels(pairs)), None);
    }
}

#[test]
fn an_explanation_has_every_look_up_with_its_values() {
    let topology = Topology::of(HOSTS);
    let instance = BindingKey {
        normalise: [Normalise::StripPort, Normalise::StripDomain].into(),
        ..key(&["instance|node"], Some("server"), &["name|fqdn"])
    };
    let binder = Binder::new(&topology, &[key(&["pod"], None, &["name"]), instance]);
    let pairs = labels(&[("instance", "db-1.example.com:9"), ("node", "web-1")]);
    let (answer, tried) = binder.explain(&topology, &pairs);
    assert!(matches!(answer, Answer::Bound(Bound { by, .. }) if &*by == "key node"));
    let line = |Tried { by, compared, values, found }: &Tried| {
        let found = match found {
            Found::Lacks(name) => format!("no label {name}"),
            Found::Cis(_, count) => count.to_string(),
        };
        format!("{by} [{}] with {compared}: {found}", values.join(" "))
    };
    let server = "name or fqdn of class server (strip_port, strip_domain)";
    assert_eq!(
        tried.iter().map(line).collect::<Vec<_>>(),
        [
            "label ci [] with the CI's name: no label ci".to_owned(),
            "key pod [] with name: no label pod".into(),
            format!("key instance [db-1] with {server}: 0"),
            format!("key node [web-1] with {server}: 1"),
        ]
    );
}

#[test]
fn what_one_ci_can_put_into_an_index_is_bounded() {
    let list = |letter: char| (0..70).map(|n| format!("{letter}{n}")).collect::<Vec<_>>().join(",");
    let text = format!("cis: {{a: {{class: vm, x: '{}', y: '{}'}}}}", list('x'), list('y'));
    let topology = Topology::of(&text);
    let both = BindingKey {
        normalise: [Normalise::SplitLists].into(),
        ..key(&["x", "y"], None, &["x", "y"])
    };
    let binder = Binder::new(&topology, &[both]);
    for (y, is_bound) in [("y0", true), ("y63", true), ("y64", false)] {
        let bound = binder.bind(&topology, &labels(&[("x", "x0"), ("y", y)]));
        assert_eq!(bound.is_some(), is_bound, "{y}");
    }
}

#[test]
fn doubles_are_found_by_any_of_their_values() {
    let topology = Topology::of(
        "cis: {a: {class: vm, fqdn: x.b}, b: {class: vm}, x: {class: vm, ip: '1'}, y: {class: vm, ip: '1'}}",
    );
    let host = BindingKey {
        normalise: [Normalise::StripDomain].into(),
        ..key(&["host"], None, &["name|fqdn|ip"])
    };
    let binder = Binder::new(&topology, &[host]);
    let set = |(by, cis): &(&str, Vec<CiId>)| {
        let cis: Vec<&str> = cis.iter().map(|ci| &*topology.ci(*ci).name).collect();
        format!("{by}: {}", cis.join(" "))
    };
    let sets: Vec<String> = binder.ambiguous(&topology).iter().map(set).collect();
    assert_eq!(sets, ["key host: a x", "key host: x y"]);
}

#[test]
fn a_cluster_tells_equal_names_apart_and_without_it_they_are_ambiguous() {
    const TWO: &str = "
cis:
  'eu:shop/cart': {class: service, namespace: shop, short_name: cart, labels: {cluster: eu, namespace: shop, service: cart}}
  'us:shop/cart': {class: service, namespace: shop, short_name: cart, labels: {cluster: us, namespace: shop, service: cart}}
  'eu:shop/only': {class: service, namespace: shop, short_name: only, labels: {cluster: eu, namespace: shop, service: only}}
  plain: {class: service, namespace: shop, short_name: plain}
";
    let topology = Topology::of(TWO);
    let keys = [key(&["namespace", "service"], Some("service"), &["namespace", "short_name"])];
    let binder = Binder::new(&topology, &keys);
    for (cluster, service, expected) in [
        (Some("eu"), "cart", Ok(Some("eu:shop/cart"))),
        (Some("us"), "cart", Ok(Some("us:shop/cart"))),
        (None, "cart", Err(2)),
        (Some("asia"), "cart", Ok(None)),
        (Some("eu"), "only", Ok(Some("eu:shop/only"))),
        (Some("us"), "only", Ok(None)),
        (None, "only", Ok(Some("eu:shop/only"))),
        (Some("us"), "plain", Ok(Some("plain"))),
    ] {
        let mut pairs = vec![("namespace", "shop"), ("service", service)];
        pairs.extend(cluster.map(|cluster| ("cluster", cluster)));
        let found = match binder.answer(&topology, &labels(&pairs)) {
            Answer::Bound(bound) => Ok(Some(topology.ci(bound.ci).name.to_string())),
            Answer::Ambiguous { count, .. } => Err(count),
            Answer::Unbound => Ok(None),
        };
        let found = found.as_ref().map(Option::as_deref).map_err(|count| *count);
        assert_eq!(found, expected, "{cluster:?} {service}");
    }
    assert_eq!(binder.ambiguous(&topology), [], "alerts can say which they mean");
}
