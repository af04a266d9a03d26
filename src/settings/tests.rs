//! What the layers make of each other, and that `config/default.toml` tells the truth.

use std::fs;

use super::*;

fn variables(pairs: &[(&str, &str)]) -> Environment {
    let pairs = pairs.iter().map(|(key, value)| ((*key).into(), (*value).into()));
    environment().source(Some(pairs.collect()))
}

fn with(pairs: &[(&str, &str)]) -> Result<Settings, Vec<Problem>> {
    layered(None, variables(pairs), &Overrides::default()).map(|(settings, _)| settings)
}

pub(super) fn from_file(text: &str) -> Result<Settings, Vec<Problem>> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("incidentd.toml");
    fs::write(&path, text).unwrap();
    layered(Some(&path), variables(&[]), &Overrides::default()).map(|(settings, _)| settings)
}

/// Returns code, key and help of every problem.
fn problems(result: Result<Settings, Vec<Problem>>) -> Vec<(&'static str, String, String)> {
    let problems = result.expect_err("these settings were accepted");
    problems.into_iter().map(|problem| (problem.code, problem.key, problem.help)).collect()
}

/// Yields every key of the defaults with its value as written and the comment above it.
fn documented() -> Vec<(String, String, String)> {
    let (mut section, mut comment, mut keys) = (String::new(), String::new(), Vec::new());
    for line in DEFAULTS.lines() {
        if let Some(text) = line.strip_prefix('#') {
            comment.push_str(text);
        } else if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            name.clone_into(&mut section);
            comment.clear();
        } else if let Some((key, value)) = line.split_once(" = ") {
            keys.push((format!("{section}.{key}"), value.into(), std::mem::take(&mut comment)));
        } else {
            comment.clear();
        }
    }
    keys
}

#[test]
fn the_defaults_hold_every_key_that_is_read_and_no_other() {
    let settings = with(&[]).unwrap();
    assert_eq!(settings.http.listen.to_string(), "127.0.0.1:9494");
    assert_eq!(settings.ingest_limits(), ingest::Limits::default());
    assert_eq!(settings.limits.alerts_per_source, 200_000);
    let sources: Vec<_> = settings
        .sources
        .iter()
        .map(|(name, source)| (&**name, source.format.to_string(), source.lease.as_secs()))
        .collect();
    let expected = [
        ("alertmanager", "alertmanager", 86_400),
        ("alertmanager-api", "alertmanager-api", 300),
        ("native", "native", 86_400),
    ];
    assert_eq!(sources, expected.map(|(name, format, lease)| (name, format.to_owned(), lease)));
    assert!(
        matches!(settings.channels.iter().next(), Some((name, channels::Channel::Log)) if &**name == "log")
    );
}

#[test]
fn the_comment_above_every_default_names_its_value_its_bounds_and_why() {
    let keys = documented();
    assert_eq!(keys.len(), 48, "a key is not written as `key = value`");
    for (key, value, comment) in keys {
        assert!(comment.contains(&format!("Default: {value}.")), "{key} is {value}: {comment}");
        assert!(comment.contains("Why: "), "{key}: {comment}");
        let variable = format!("INCIDENTD__{}", key.replace('.', "__"));
        let problems = with(&[(&variable, "")]).expect_err("an empty value was accepted");
        let expected = problems[0].message.split_once("expected ").unwrap().1;
        assert!(
            comment.contains(&format!("Expected: {expected}.")),
            "{key}: {expected}: {comment}"
        );
        assert_eq!((problems[0].code, &problems[0].key), ("K004", &key));
    }
}

#[test]
fn later_layers_win() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("incidentd.toml");
    let parts = dir.path().join("conf.d");
    fs::create_dir(&parts).unwrap();
    fs::write(
        &path,
        "[engine]\nmailbox_max = 1\nbatch_max_alerts = 1\n[limits]\nalerts = 1\nlabels = 1",
    )
    .unwrap();
    fs::write(parts.join("20.toml"), "[limits]\nalerts = 3\nlabels = 3").unwrap();
    fs::write(parts.join("10.toml"), "[engine]\nbatch_max_alerts = 2\n[limits]\nalerts = 2")
        .unwrap();
    fs::write(parts.join("note.txt"), "not read").unwrap();
    let environment = variables(&[
        ("INCIDENTD__LIMITS__LABELS", "4"),
        ("INCIDENTD__STORAGE__DIR", "/e"),
        ("OTHER__LIMITS__DEPTH", "1"),
    ]);
    let overrides = Overrides {
        data_dir: Some("/c".into()),
        rules: Some("/r".into()),
        listen: Some("[::1]:1".into()),
    };
    let (settings, entries) = layered(Some(&path), environment, &overrides).unwrap();
    let origin = |section: &str, key: &str| {
        let entry = entries.iter().find(|it| it.section == section && it.key == key);
        entry.map(|it| (it.value.as_str(), it.origin.rsplit('/').next().unwrap())).unwrap()
    };
    for (section, key, value, place) in [
        ("engine", "mailbox_max", "1", "incidentd.toml"),
        ("engine", "batch_max_alerts", "2", "10.toml"),
        ("limits", "alerts", "3", "20.toml"),
        ("limits", "labels", "\"4\"", "environment"),
        ("limits", "depth", "64", "default"),
        ("storage", "dir", "\"/c\"", "command line"),
        ("sources.native", "lease", "\"24h\"", "default"),
    ] {
        assert_eq!(origin(section, key), (value, place), "{section}.{key}");
    }
    assert_eq!((settings.engine.mailbox_max, settings.engine.batch_max_alerts), (1, 2));
    assert_eq!((settings.limits.alerts, settings.limits.labels, settings.limits.depth), (3, 4, 64));
    assert_eq!((settings.storage.dir, settings.rules.dir), ("/c".into(), "/r".into()));
    assert_eq!(settings.http.listen.to_string(), "[::1]:1");
}

#[test]
fn all_problems_are_told_at_once_with_place_value_and_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("incidentd.toml");
    fs::write(&path, "[http]\nlistn = '127.0.0.1:1'\nbody_max_bytes = '1PiB'\n[htpp]\nx = 1")
        .unwrap();
    let environment = variables(&[("INCIDENTD__LOG__LEVEL", "loud")]);
    let problems = layered(Some(&path), environment, &Overrides::default()).unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let told = told.join("\n").replace(&*path.display().to_string(), "incidentd.toml");
    insta::assert_snapshot!(told, @r"
    error[K004]: incidentd.toml: http.body_max_bytes: found `1PiB`, expected a size from 1KiB to 64MiB
      = help: leave it out for the default, `1MiB`
    error[K002]: incidentd.toml: http.listn: unknown; a key that nobody reads would be ignored
      = help: did you mean `listen`?
    error[K004]: the environment: log.level: found `loud`, expected one of error, warn, info, debug, trace
      = help: leave it out for the default, `info`
    error[K002]: incidentd.toml: htpp: unknown; a key that nobody reads would be ignored
      = help: did you mean `http`?
    ");
}

#[test]
fn a_file_that_cannot_be_read_is_told_without_quoting_it() {
    let secret = from_file("[channels.chat]\nurl = \"https://chat.example/s3cret\n").unwrap_err();
    assert_eq!(secret[0].code, "K001");
    let told = secret[0].to_string();
    assert!(told.contains("line 2") && !told.contains("s3cret"), "{told}");
    let missing =
        layered(Some(Path::new("/nowhere/x.toml")), variables(&[]), &Overrides::default());
    assert_eq!(missing.unwrap_err()[0].code, "K001");
}

#[test]
fn a_remote_address_needs_a_word_of_its_own() {
    for (address, allow, accepted) in [
        ("127.0.0.1:1", "false", true),
        ("127.8.8.8:1", "false", true),
        ("[::ffff:127.0.0.1]:1", "false", true),
        ("0.0.0.0:1", "false", false),
        ("[::]:1", "false", false),
        ("10.0.0.1:1", "false", false),
        ("0.0.0.0:1", "true", true),
    ] {
        let result = with(&[
            ("INCIDENTD__HTTP__LISTEN", address),
            ("INCIDENTD__HTTP__ALLOW_UNAUTHENTICATED_REMOTE", allow),
        ]);
        assert_eq!(result.is_ok(), accepted, "{address} {allow}");
        if !accepted {
            let (code, key, help) = problems(result).remove(0);
            assert_eq!((code, &*key), ("K005", "http.listen"));
            assert!(help.contains("allow_unauthenticated_remote = true"), "{help}");
        }
    }
}

#[test]
fn a_source_of_ones_own_needs_a_format_and_may_leave_out_its_lease() {
    let settings = from_file(
        "[sources.a]\nformat = 'native'\n[sources.b]\nformat = 'alertmanager-api'\n[sources.native]\nlease = '1h'",
    )
    .unwrap();
    for (name, seconds) in [("a", 86_400), ("b", 300), ("native", 3_600), ("alertmanager", 86_400)]
    {
        assert_eq!(settings.sources[name].lease.as_secs(), seconds, "{name}");
    }
    for (text, code, key) in [
        ("[sources.a]", "K003", "sources.a.format"),
        ("[sources.a]\nformat = 'xml'", "K004", "sources.a.format"),
        ("[sources.a]\nformat = 'native'\nlease = '1s'", "K004", "sources.a.lease"),
        ("[sources.a]\nformat = 'native'\nleese = '1h'", "K002", "sources.a.leese"),
        ("[sources.'a/b']\nformat = 'native'", "K004", "sources.a/b"),
        ("[sources]\na = 'native'", "K004", "sources.a"),
    ] {
        let found = problems(from_file(text));
        assert!(found.iter().any(|(c, k, _)| (*c, &**k) == (code, key)), "{text}: {found:?}");
    }
}

#[test]
fn a_channel_is_refused_by_the_key_that_is_wrong() {
    let webhook = |more: &str| format!("[channels.c]\nkind = 'webhook'\n{more}");
    for (text, code, key) in [
        ("[channels.c]".to_owned(), "K003", "channels.c.kind"),
        ("[channels.c]\nkind = 'log'\nurl = 'https://a.example/'".into(), "K002", "channels.c.url"),
        (webhook(""), "K003", "channels.c.url"),
        (webhook("url = 'https://a.example/'\nurl_file = '/x'"), "K003", "channels.c.url"),
        (webhook("url = 'a.example'"), "K004", "channels.c.url"),
        (webhook("url_file = '/nowhere'"), "K004", "channels.c.url_file"),
        (webhook("url = 'http://a.example/'"), "K005", "channels.c.url"),
        (webhook("url = 'https://[::1]/'"), "K005", "channels.c.url"),
        (webhook("url = 'https://a.example/'\ntimeout = '2m'"), "K004", "channels.c.timeout"),
        (
            webhook("url = 'https://a.example/'\nallow_private = 1"),
            "K004",
            "channels.c.allow_private",
        ),
    ] {
        let found = problems(from_file(&text));
        let found: Vec<_> = found.iter().map(|(code, key, _)| (*code, &**key)).collect();
        assert_eq!(found, [(code, key)], "{text}");
    }
}

#[test]
fn a_chat_a_pager_a_gateway_and_a_program_are_refused_by_the_key_that_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    fs::write(&secret, "s3cret-t0ken\n").unwrap();
    let secret = secret.display();
    let bad = dir.path().join("bad");
    fs::write(&bad, "two words\n").unwrap();
    let bad = bad.display();
    let url = "url = 'https://a.example/'";
    for (kind, keys, expected) in [
        ("slack", url.to_owned(), None),
        ("slack", String::new(), Some(("K003", "url"))),
        ("slack", "url = 'http://a.example/'".into(), Some(("K005", "url"))),
        ("slack", format!("{url}\nto = '#ops'"), Some(("K002", "to"))),
        ("slack", format!("token_file = '{secret}'\nto = '#ops'"), None),
        ("slack", format!("token_file = '{secret}'"), Some(("K003", "to"))),
        ("slack", format!("token_file = '{bad}'\nto = '#ops'"), Some(("K004", "token_file"))),
        (
            "slack",
            format!("token_file = '{secret}'\nto = '#ops'\napi = 'http://10.0.0.1/'"),
            Some(("K005", "api")),
        ),
        ("pagerduty", format!("routing_key_file = '{secret}'"), None),
        ("pagerduty", format!("routing_key_file = '{secret}'\n{url}"), None),
        ("pagerduty", String::new(), Some(("K003", "routing_key_file"))),
        ("pagerduty", format!("routing_key_file = '{secret}'\nurl = 'a b'"), Some(("K004", "url"))),
        ("apprise", format!("{url}\ntag = 'ops'"), None),
        ("apprise", format!("{url}\nurls_file = '{secret}'"), None),
        ("apprise", format!("{url}\nurls_file = '{secret}'\ntag = 'a'"), Some(("K002", "tag"))),
        ("apprise", "tag = 'ops'".into(), Some(("K003", "url"))),
        ("apprise", format!("{url}\ntag = ''"), Some(("K004", "tag"))),
        ("exec", "command = ['/bin/send', '--from']\ntimeout = '5s'".into(), None),
        ("exec", String::new(), Some(("K003", "command"))),
        ("exec", "command = []".into(), Some(("K004", "command"))),
        ("exec", "command = ['send-sms']".into(), Some(("K004", "command"))),
        ("exec", format!("command = ['/bin/send']\n{url}"), Some(("K002", "url"))),
    ] {
        let text = format!("[channels.c]\nkind = '{kind}'\n{keys}");
        let loaded = from_file(&text);
        if let Ok(settings) = &loaded {
            let shown = format!("{:?}", settings.channels["c"]);
            assert!(!shown.contains("t0ken"), "{shown}");
        }
        let found = if loaded.is_ok() { Vec::new() } else { problems(loaded) };
        let found: Vec<_> = found.iter().map(|(code, key, _)| (*code, &**key)).collect();
        let key = expected.map(|(code, key)| (code, format!("channels.c.{key}")));
        let key: Vec<_> = key.iter().map(|(code, key)| (*code, &**key)).collect();
        assert_eq!(found, key, "{text}");
    }
}

#[test]
fn links_need_an_address_of_the_web() {
    let public = |url: &str| from_file(&format!("[http]\npublic_url = '{url}'"));
    let kept = public("https://i.example/base").unwrap().http;
    assert_eq!(kept.public_url.unwrap().as_str(), "https://i.example/base");
    assert_eq!(kept.link_ttl, core::time::Duration::from_hours(24));
    assert_eq!(with(&[]).unwrap().http.public_url, None);
    for bad in ["i.example", "ftp://i.example", "https://i.example/?a=b", "https://i.example/#a"] {
        let found = problems(public(bad));
        assert_eq!((found[0].0, &*found[0].1), ("K004", "http.public_url"), "{bad}");
    }
}

#[test]
fn the_address_of_a_webhook_is_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("url");
    fs::write(&file, "https://chat.example/s3cret\n").unwrap();
    let settings = from_file(&format!(
        "[channels.a]\nkind = 'webhook'\nurl = 'https://chat.example/s3cret'\n\
         [channels.b]\nkind = 'webhook'\nurl_file = '{}'\ntimeout = '1s'",
        file.display()
    ))
    .unwrap();
    for (name, seconds) in [("a", 10), ("b", 1)] {
        let channels::Channel::Webhook(webhook) = &settings.channels[name] else {
            panic!("{name}")
        };
        assert_eq!(webhook.url.reveal().as_str(), "https://chat.example/s3cret");
        assert_eq!((webhook.timeout.as_secs(), webhook.reach), (seconds, address::Reach::Public));
    }
    assert!(!format!("{settings:?}").contains("s3cret"));
    for bad in ["s3cret", "http://127.0.0.1/s3cret", "ftp://s3cret.example/s3cret"] {
        let told =
            from_file(&format!("[channels.a]\nkind = 'webhook'\nurl = '{bad}'")).unwrap_err();
        assert!(!told.iter().any(|problem| problem.to_string().contains("s3cret")), "{told:?}");
    }
}

#[test]
fn a_mail_channel_is_refused_by_the_key_that_is_wrong() {
    const GOOD: &str = "host = 'mail.example'\nfrom = 'a@b.example'\n";
    let dir = tempfile::tempdir().unwrap();
    let password = dir.path().join("password");
    fs::write(&password, "s3cret\n").unwrap();
    let password = format!("password_file = '{}'", password.display());
    for (more, refused) in [
        (String::new(), None),
        ("tls = 'starttls'\nport = 2525\nto = 'A <a@b.example>, c@d.example'".into(), None),
        (format!("user = 'u'\n{password}"), None),
        ("tls = 'none'\nallow_private = true".into(), None),
        ("user = 'u'".into(), Some(("K003", "password_file"))),
        (password.clone(), Some(("K003", "user"))),
        (
            format!("user = 'u'\n{password}\npassword_credential = 'p'"),
            Some(("K003", "password_file")),
        ),
        ("user = 'u'\npassword_file = '/nowhere'".into(), Some(("K004", "password_file"))),
        ("user = 'u'\npassword_credential = '../p'".into(), Some(("K004", "password_credential"))),
        ("password = 's3cret'".into(), Some(("K002", "password"))),
        ("tls = 'none'".into(), Some(("K005", "tls"))),
        ("tls = 'ssl'".into(), Some(("K004", "tls"))),
        ("port = 0".into(), Some(("K004", "port"))),
        ("to = 'nobody'".into(), Some(("K004", "to"))),
    ] {
        let found = from_file(&format!("[channels.c]\nkind = 'email'\n{GOOD}{more}"));
        assert!(!format!("{found:?}").contains("s3cret"), "{found:?}");
        let found: Vec<_> = found.err().into_iter().flatten().map(|p| (p.code, p.key)).collect();
        let refused = refused.map(|(code, key)| (code, format!("channels.c.{key}")));
        assert_eq!(found, Vec::from_iter(refused), "{more}");
    }
    for (keys, refused) in [
        ("host = '10.0.0.1'\nfrom = 'a@b.example'", "channels.c.host"),
        ("host = 'a b'\nfrom = 'a@b.example'", "channels.c.host"),
        ("from = 'a@b.example'", "channels.c.host"),
        ("host = 'mail.example'", "channels.c.from"),
        ("host = 'mail.example'\nfrom = 'a'", "channels.c.from"),
    ] {
        let found = problems(from_file(&format!("[channels.c]\nkind = 'email'\n{keys}")));
        assert_eq!(found.iter().map(|(_, key, _)| &**key).collect::<Vec<_>>(), [refused], "{keys}");
    }
    let own = from_file(
        "[channels.c]\nkind = 'email'\nhost = 'localhost'\ntls = 'none'\nfrom = 'a@b.example'",
    );
    let Some(channels::Channel::Email(mail)) = own.unwrap().channels.remove("c") else { panic!() };
    assert_eq!((mail.port, mail.reach), (25, address::Reach::Anywhere), "this very machine");
}

#[test]
fn a_webhook_is_signed_with_the_keys_of_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys");
    let settings = |content: &str| {
        fs::write(&file, content).unwrap();
        let file = file.display();
        from_file(&format!(
            "[channels.c]\nkind = 'webhook'\nurl = 'https://a.example/'\nsecret_file = '{file}'"
        ))
    };
    let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let two = settings(&format!("{key}\n{key}\n")).unwrap();
    assert!(!format!("{two:?}").contains("MfKQ9"), "{two:?}");
    let channels::Channel::Webhook(webhook) = &two.channels["c"] else { panic!() };
    assert_eq!(webhook.keys.len(), 2);
    let bad = settings("whsec_short").unwrap_err();
    assert_eq!((bad[0].code, &*bad[0].key), ("K004", "channels.c.secret_file"));
    assert!(!bad[0].to_string().contains("short"), "{}", bad[0]);
}

#[test]
fn what_is_off_at_zero_may_not_be_close_to_it_and_names_of_the_daemon_are_taken() {
    for (text, key) in [
        ("[backup]\nevery = \"59s\"", "backup.every"),
        ("[canary]\nevery = \"10ms\"", "canary.every"),
        ("[disk]\nsoft_free = \"1MiB\"\nhard_free = \"2MiB\"", "disk.hard_free"),
        ("[sources.canary]\nformat = \"native\"", "sources.canary"),
        ("[channels.canary]\nkind = \"log\"", "channels.canary"),
        ("[canary]\nurl = \"http://10.0.0.1/x\"", "canary.url"),
    ] {
        let problems = problems(from_file(text));
        assert!(problems.iter().any(|(_, found, _)| found == key), "{text}: {problems:?}");
    }
    for text in [
        "[backup]\nevery = \"0s\"",
        "[canary]\nevery = \"0s\"",
        "[disk]\nsoft_free = \"0B\"\nhard_free = \"0B\"",
    ] {
        assert!(from_file(text).is_ok(), "{text}");
    }
}

/// A folder with secrets, and a file of settings in which `@` stands for the folder.
fn with_secrets(secrets: &[(&str, &str)], text: &str) -> Result<Settings, Vec<Problem>> {
    let dir = tempfile::tempdir().unwrap();
    for (name, secret) in secrets {
        fs::write(dir.path().join(name), secret).unwrap();
    }
    from_file(&text.replace('@', &format!("file:{}", dir.path().display())))
}

const TOKENS: [(&str, &str); 3] =
    [("a", "0123456789abcdef\n"), ("b", "fedcba9876543210"), ("empty", "\n")];

#[test]
fn credentials_are_read_from_files_and_never_shown() {
    let text = "[sources.shop]\nformat = 'native'\nauth = 'bearer'\nsecrets = ['@/a', '@/b']\nrate_max = 5\n\
                [sources.native]\nauth = 'github'\nsecrets = '@/a'\n\
                [users.mia]\nname = 'm.ito'\nrole = 'operator'\nsecrets = ['@/b']\n";
    let settings = with_secrets(&TOKENS, text).unwrap();
    let sources::Auth::Bearer(tokens) = &settings.sources["shop"].auth else {
        panic!("not bearer")
    };
    let tokens: Vec<&[u8]> = tokens.iter().map(|token| &**token.reveal()).collect();
    assert_eq!(tokens, [b"0123456789abcdef", b"fedcba9876543210"]);
    assert_eq!(settings.sources["shop"].rate_max, 5);
    let mia = &settings.users["mia"];
    assert_eq!((&*mia.name, mia.role), ("m.ito", users::Role::Operator));
    let shown = format!("{settings:?}");
    assert!(!shown.contains("0123456789abcdef") && !shown.contains("48, 49, 50"), "{shown}");
}

#[test]
fn a_credential_is_refused_by_the_key_that_is_wrong() {
    let source = |more: &str| format!("[sources.s]\nformat = 'native'\n{more}");
    for (text, code, key) in [
        (source("auth = 'bearer'"), "K003", "sources.s.secrets"),
        (source("auth = 'bearer'\nsecrets = []"), "K004", "sources.s.secrets"),
        (source("auth = 'bearer'\nsecrets = ['@/a', '@/b', '@/a']"), "K004", "sources.s.secrets"),
        (
            source("auth = 'bearer'\nsecrets = ['hunter2hunter2hunter2']"),
            "K004",
            "sources.s.secrets",
        ),
        (source("auth = 'github'\nsecrets = ['@/empty']"), "K004", "sources.s.secrets"),
        (source("auth = 'github'\nsecrets = ['@/nowhere']"), "K004", "sources.s.secrets"),
        (source("auth = 'basic'\nsecrets = ['@/a']"), "K003", "sources.s.user"),
        (source("auth = 'magic'"), "K004", "sources.s.auth"),
        (source("secrets = ['@/a']"), "K002", "sources.s.secrets"),
        (source("rate_max = -1"), "K004", "sources.s.rate_max"),
        ("[users.mia]\nsecrets = ['@/a']".into(), "K003", "users.mia.role"),
        ("[users.mia]\nrole = 'god'\nsecrets = ['@/a']".into(), "K004", "users.mia.role"),
        ("[http]\ntls_cert = '/x'".into(), "K003", "http.tls_key"),
    ] {
        let found = problems(with_secrets(&TOKENS, &text));
        assert!(found.iter().any(|(c, k, _)| (*c, &**k) == (code, key)), "{text}: {found:?}");
        assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
    }
}

#[test]
fn with_a_credential_other_machines_may_reach_the_daemon() {
    let listen = "[http]\nlisten = '0.0.0.0:1'\n";
    for (more, accepted) in [
        ("", false),
        ("[users.mia]\nrole = 'viewer'\nsecrets = ['@/a']", true),
        ("[sources.native]\nauth = 'bearer'\nsecrets = ['@/a']", true),
    ] {
        let result = with_secrets(&TOKENS, &format!("{listen}{more}"));
        assert_eq!(result.is_ok(), accepted, "{more}: {result:?}");
    }
}

#[test]
fn the_settings_in_force_can_be_given_back_and_tell_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("incidentd.toml");
    let secret = "https://chat.example/hook/s3cr3t";
    fs::write(&path, format!("[channels.chat]\nkind = \"webhook\"\nurl = \"{secret}\"")).unwrap();
    let (_, entries) = layered(Some(&path), variables(&[]), &Overrides::default()).unwrap();
    let lines = entries.iter().map(|entry| format!("[{}]\n{entry}\n", entry.section));
    let text = lines.collect::<Vec<_>>().concat();
    assert!(text.contains("[channels.chat]\nurl = \"***\"") && !text.contains("s3cr3t"), "{text}");
    // Each by itself: TOML wants every section once.
    for entry in entries.iter().filter(|entry| entry.section != "channels.chat") {
        let line = format!("[{}]\n{entry}\n", entry.section);
        assert!(from_file(&line).is_ok(), "{line}");
    }
}
