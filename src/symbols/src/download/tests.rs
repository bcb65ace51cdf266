use super::*;

const GUID_AGE: &str = "F8E2A8B5C9B74BF4A6E4A48F180099942";

/// How a test's server reacts to a request.
enum Play {
    /// Answers with a head; a body of this many bytes follows a 200 or 206.
    Answer(Head, u64),
    /// Answers, and breaks the connection when the file has this many bytes.
    Break(Head, u64),
    /// Does not answer.
    Silence,
}

/// The result of checking the file.
enum Verdict {
    Right,
    Wrong,
    Cut,
    Points(Pointer),
}

/// Everything that happened in a test.
#[derive(Default)]
struct Log {
    asked: Vec<String>,
    requests: Vec<Request>,
    pauses: Vec<Duration>,
    offsets: Vec<u64>,
}

fn wanted(name: &str) -> Wanted {
    Wanted::new(name.parse().unwrap(), GUID_AGE.parse().unwrap())
}

fn status(status: u16) -> Head {
    Head { status, ..Head::default() }
}

fn play(
    name: &str,
    habits: Habits,
    mut server: impl FnMut(&Request, usize) -> Play,
    mut judge: impl FnMut(Form, usize) -> Verdict,
) -> (Outcome, Log) {
    let root = Url::parse("https://server/store").unwrap();
    let mut log = Log::default();
    let mut judged = 0;
    let random = fastrand::Rng::with_seed(7);
    let mut step = Download::begin(&root, &wanted(name), habits, Patience::default(), random);
    loop {
        assert!(log.requests.len() < 100, "it never ends: {:?}", log.asked);
        step = match step {
            Step::Ask(ask) => {
                let number = log.requests.len();
                let url = ask.request.url.to_string().replace(&format!("/{GUID_AGE}/"), "/ID/");
                log.asked.push(url.replace(&format!("/{}/", GUID_AGE.to_lowercase()), "/id/"));
                log.requests.push(ask.request.clone());
                match server(&ask.request, number) {
                    Play::Silence => ask.failed("no answer".into()),
                    Play::Answer(head, length) => match ask.answered(&head, SystemTime::UNIX_EPOCH) {
                        Reply::Body(receive) => {
                            log.offsets.push(receive.offset);
                            receive.complete(length)
                        }
                        Reply::Next(step) => step,
                    },
                    Play::Break(head, length) => match ask.answered(&head, SystemTime::UNIX_EPOCH) {
                        Reply::Body(receive) => {
                            log.offsets.push(receive.offset);
                            receive.broke(length, "it broke".into())
                        }
                        Reply::Next(_) => panic!("expected a body to be taken"),
                    },
                }
            }
            Step::Pause(pause) => {
                log.pauses.push(pause.length);
                pause.over()
            }
            Step::Judge(at) => {
                judged += 1;
                match judge(at.form(), judged) {
                    Verdict::Right => at.accepted(),
                    Verdict::Wrong => at.refused("another PDB".into()),
                    Verdict::Cut => at.cut("truncated".into()),
                    Verdict::Points(pointer) => at.points(pointer),
                }
            }
            Step::Over(outcome) => return (outcome, log),
        }
    }
}

/// The head of an answer with a part of the version with this entity tag.
fn rest(tag: &str, range: &str) -> Head {
    Head { etag: Some(tag.into()), content_range: Some(range.into()), ..status(206) }
}

fn right(_: Form, _: usize) -> Verdict {
    Verdict::Right
}

fn known() -> Habits {
    Habits { two_tiers: Some(false), refuses_msfz: false }
}

#[test]
fn the_plain_file_is_asked_for_first_and_the_compact_form_is_welcome() {
    let (outcome, log) = play("k.pdb", known(), |_, _| Play::Answer(status(200), 10), right);
    assert_eq!(outcome.end, End::Found { from: format!("https://server/store/k.pdb/{GUID_AGE}/k.pdb") });
    assert_eq!(log.asked, ["https://server/store/k.pdb/ID/k.pdb"]);
    assert!(log.requests[0].accept_msfz && log.requests[0].credentials);
}

#[test]
fn every_form_and_lower_case_and_then_two_tiers() {
    let (outcome, log) = play("K.pdb", Habits::default(), |_, _| Play::Answer(status(404), 0), right);
    assert_eq!(outcome.end, End::Missing);
    assert_eq!(outcome.habits.two_tiers, Some(false));
    let asked: Vec<_> = log.asked.iter().map(|url| url.trim_start_matches("https://server/store/")).collect();
    assert_eq!(
        asked,
        [
            "K.pdb/ID/K.pdb",
            "K.pdb/ID/K.pd_",
            "K.pdb/ID/file.ptr",
            "K.pdb/ID/msfz0/K.pdb",
            "k.pdb/ID/k.pdb",
            "k.pdb/ID/k.pd_",
            "k.pdb/ID/file.ptr",
            "k.pdb/ID/msfz0/k.pdb",
            "K.pdb/id/K.pdb",
            "K.pdb/id/K.pd_",
            "K.pdb/id/file.ptr",
            "K.pdb/id/msfz0/K.pdb",
            "k.pdb/id/k.pdb",
            "k.pdb/id/k.pd_",
            "k.pdb/id/file.ptr",
            "k.pdb/id/msfz0/k.pdb",
            "index2.txt",
        ]
    );
    assert_eq!(outcome.tried.len(), 16);
}

#[test]
fn a_store_with_two_tiers_is_detected_and_remembered() {
    let server = |request: &Request, _: usize| match request.url.path() {
        "/store/index2.txt" => Play::Answer(status(200), 0),
        path if path.starts_with("/store/k./k.pdb") && path.ends_with("k.pd_") => {
            Play::Answer(status(200), 9)
        }
        _ => Play::Answer(status(404), 0),
    };
    let (outcome, log) = play("k.pdb", Habits::default(), server, right);
    assert!(matches!(outcome.end, End::Found { .. }));
    let (_, again) = play("k.pdb", outcome.habits, server, right);
    assert!(again.requests.len() < log.requests.len());
    assert_eq!(again.asked[0], "https://server/store/k./k.pdb/ID/k.pdb");
}

#[test]
fn neither_a_page_nor_a_refusal_is_a_mark_of_two_tiers() {
    for answer in [Head { content_type: Some("text/html".into()), ..status(200) }, status(403), status(418)] {
        let server = |request: &Request, _: usize| match request.url.path() {
            "/store/index2.txt" => Play::Answer(answer.clone(), 0),
            _ => Play::Answer(status(404), 0),
        };
        let (outcome, _) = play("k.pdb", Habits::default(), server, right);
        assert_eq!((outcome.end, outcome.habits.two_tiers), (End::Missing, Some(false)));
    }
}

#[test]
fn redirects_to_other_hosts_get_no_credentials_and_are_not_remembered() {
    let server = |request: &Request, number: usize| match (request.url.host_str(), number) {
        (Some("server"), _) => {
            let location = Some(format!("https://blob/f?sig={number}"));
            Play::Answer(Head { location, ..status(302) }, 0)
        }
        (_, 1) => Play::Break(Head { etag: Some("\"e\"".into()), ..status(200) }, 5),
        _ => Play::Answer(rest("\"e\"", "bytes 5-9/10"), 10),
    };
    let (outcome, log) = play("k.pdb", known(), server, right);
    assert!(matches!(outcome.end, End::Found { .. }));
    assert_eq!(log.asked[1], "https://blob/f?sig=0");
    assert_eq!(log.asked[3], "https://blob/f?sig=2");
    let credentials: Vec<_> = log.requests.iter().map(|request| request.credentials).collect();
    assert_eq!(credentials, [true, false, true, false]);
    assert_eq!(log.requests[3].resume, Some(Resume { offset: 5, validator: Validator::Tag("\"e\"".into()) }));
    assert_eq!(log.offsets, [0, 5]);
}

#[test]
fn redirects_end_somewhere_and_never_leave_tls() {
    let round = |_: &Request, _: usize| Play::Answer(Head { location: Some("/x".into()), ..status(301) }, 0);
    let (outcome, _) = play("k.pdb", known(), round, right);
    assert_eq!(outcome.end, End::Failed);
    assert!(outcome.tried[0].answer.contains("redirects"), "{:?}", outcome.tried);
    for location in ["http://server/x", "ftp://server/x", "file:///etc/passwd"] {
        let down =
            |_: &Request, _: usize| Play::Answer(Head { location: Some(location.into()), ..status(302) }, 0);
        let (outcome, log) = play("k.pdb", known(), down, right);
        assert_eq!((outcome.end, log.requests.len()), (End::Failed, 8), "{location}");
    }
}

#[test]
fn failures_are_retried_with_growing_pauses() {
    for code in [408, 429, 500, 502, 503, 504] {
        let server = |_: &Request, number: usize| match number {
            0..3 => Play::Answer(status(code), 0),
            _ => Play::Answer(status(200), 5),
        };
        let (outcome, log) = play("k.pdb", known(), server, right);
        assert!(matches!(outcome.end, End::Found { .. }), "{code}");
        assert_eq!(log.pauses.len(), 3);
        for (index, pause) in log.pauses.iter().enumerate() {
            let most = Duration::from_secs(1 << index);
            assert!(*pause >= most / 2 && *pause <= most, "{code}: {pause:?}");
        }
    }
}

#[test]
fn a_server_that_stays_down_is_left_alone() {
    let (outcome, log) = play("k.pdb", known(), |_, _| Play::Silence, right);
    assert_eq!(outcome.end, End::Failed);
    assert_eq!(log.requests.len(), 5);
    assert_eq!(outcome.tried.len(), 1);
    assert!(outcome.tried[0].answer.contains("5 attempts"), "{:?}", outcome.tried);
}

#[test]
fn after_a_refusal_every_form_is_tried_once_without_a_pause() {
    let server = |request: &Request, _: usize| match request.url.path().ends_with("k.pd_") {
        true => Play::Answer(status(200), 5),
        false => Play::Answer(status(403), 0),
    };
    let (outcome, log) = play("k.pdb", known(), server, right);
    assert!(matches!(outcome.end, End::Found { .. }));
    assert_eq!((log.requests.len(), log.pauses.len()), (2, 0));

    let refuse = |_: &Request, _: usize| Play::Answer(status(403), 0);
    let (outcome, log) = play("k.pdb", known(), refuse, right);
    assert_eq!((outcome.end, log.requests.len(), log.pauses.len()), (End::Refused, 8, 0));
    assert!(outcome.tried.iter().all(|tried| tried.answer == "403, refused"), "{:?}", outcome.tried);
    assert!(!outcome.down);
}

#[test]
fn one_refusal_among_clear_answers_is_a_refusal_and_one_failure_is_a_failure() {
    let answers = |second: u16| {
        move |_: &Request, number: usize| Play::Answer(status(if number == 1 { second } else { 404 }), 0)
    };
    assert_eq!(play("k.pdb", known(), answers(403), right).0.end, End::Refused);
    assert_eq!(play("k.pdb", known(), answers(418), right).0.end, End::Failed);
    assert_eq!(play("k.pdb", known(), answers(404), right).0.end, End::Missing);
}

#[test]
fn a_server_without_a_connection_is_given_one_more_chance() {
    let server = Url::parse("https://server/store").unwrap();
    let random = fastrand::Rng::with_seed(7);
    let mut step = Download::begin(&server, &wanted("k.pdb"), known(), Patience::default(), random);
    let mut requests = 0;
    let outcome = loop {
        step = match step {
            Step::Ask(ask) => {
                requests += 1;
                ask.unreachable("no connection".into())
            }
            Step::Pause(pause) => pause.over(),
            Step::Over(outcome) => break outcome,
            Step::Judge(_) => panic!("nothing came"),
        };
    };
    assert_eq!((requests, outcome.end, outcome.down), (2, End::Failed, true));
}

#[test]
fn a_pause_that_a_server_asks_for_is_kept() {
    for (text, seconds) in [("7", 7), ("Thu, 01 Jan 1970 00:00:09 GMT", 9)] {
        let server = |_: &Request, number: usize| match number {
            0 => Play::Answer(Head { retry_after: Some(text.into()), ..status(429) }, 0),
            _ => Play::Answer(status(200), 5),
        };
        let (_, log) = play("k.pdb", known(), server, right);
        assert_eq!(log.pauses, [Duration::from_secs(seconds)]);
    }
    let server =
        |_: &Request, _: usize| Play::Answer(Head { retry_after: Some("86400".into()), ..status(503) }, 0);
    let (outcome, log) = play("k.pdb", known(), server, right);
    assert_eq!((outcome.end, log.requests.len()), (End::Failed, 1));
    assert!(outcome.tried[0].answer.contains("86400 s"), "{:?}", outcome.tried);
    // Many short pauses must not add up to more than one pause that would be too long.
    let server =
        |_: &Request, _: usize| Play::Answer(Head { retry_after: Some("50".into()), ..status(503) }, 0);
    let (outcome, log) = play("k.pdb", known(), server, right);
    assert_eq!((outcome.end, log.pauses), (End::Failed, vec![Duration::from_secs(50); 2]));
}

#[test]
fn refused_credentials_are_not_tried_again() {
    for code in [401, 407] {
        let (outcome, log) = play("k.pdb", known(), |_, _| Play::Answer(status(code), 0), right);
        assert_eq!((outcome.end, log.requests.len()), (End::Failed, 1));
        assert!(outcome.tried[0].answer.contains("credentials"));
    }
}

#[test]
fn a_server_that_fails_on_the_compact_form_is_asked_without_it() {
    let server = |request: &Request, _: usize| match request.accept_msfz {
        true => Play::Answer(status(406), 0),
        false => Play::Answer(status(200), 5),
    };
    let (outcome, log) = play("k.pdb", known(), server, right);
    assert!(matches!(outcome.end, End::Found { .. }));
    assert!(outcome.habits.refuses_msfz);
    assert_eq!((log.requests.len(), log.pauses.len()), (2, 0));
}

/// A file of 10 bytes whose connection breaks after 5, and the request that continues it.
fn continued(first: &Head, second: &Head) -> (Outcome, Log) {
    let server = |request: &Request, number: usize| match (number, &request.resume) {
        (0, _) => Play::Break(first.clone(), 5),
        (_, Some(_)) => Play::Answer(second.clone(), 10),
        _ => Play::Answer(first.clone(), 10),
    };
    play("k.pdb", known(), server, right)
}

fn first(tag: &str) -> Head {
    Head { etag: Some(tag.into()), content_length: Some(10), ..status(200) }
}

#[test]
fn parts_with_equal_strong_validators_are_joined() {
    let (outcome, log) = continued(&first("\"e\""), &rest("\"e\"", "bytes 5-9/10"));
    assert!(matches!(outcome.end, End::Found { .. }));
    assert_eq!(log.offsets, [0, 5]);

    let (changed, answered) = ("Thu, 01 Jan 2026 12:00:00 GMT", "Thu, 01 Jan 2026 13:00:00 GMT");
    let dated =
        |head: Head| Head { last_modified: Some(changed.into()), date: Some(answered.into()), ..head };
    let whole = dated(Head { content_length: Some(10), ..status(200) });
    let part = dated(Head { content_range: Some("bytes 5-9/10".into()), ..status(206) });
    let (_, log) = continued(&whole, &part);
    assert_eq!(log.offsets, [0, 5]);
    assert_eq!(log.requests[1].resume.as_ref().map(|resume| resume.validator.as_str()), Some(changed));
}

#[test]
fn parts_of_two_versions_are_never_joined() {
    let encoded = Head { content_encoding: Some("gzip".into()), ..rest("\"e\"", "bytes 5-9/10") };
    let longer = Head { content_length: Some(6), ..rest("\"e\"", "bytes 5-9/10") };
    for second in [
        rest("\"f\"", "bytes 5-9/10"),
        rest("W/\"e\"", "bytes 5-9/10"),
        Head { content_range: Some("bytes 5-9/10".into()), ..status(206) },
        rest("\"e\"", "bytes 0-9/10"),
        rest("\"e\"", "bytes 6-9/10"),
        rest("\"e\"", "bytes 5-9/11"),
        rest("\"e\"", "bytes 9-5/10"),
        rest("\"e\"", "lines 5-9/10"),
        rest("\"e\"", ""),
        encoded,
        longer,
        status(416),
    ] {
        let (outcome, log) = continued(&first("\"e\""), &second);
        assert!(matches!(outcome.end, End::Found { .. }), "{second:?}");
        assert_eq!(log.offsets, [0, 0], "{second:?}");
        assert_eq!(log.requests.len(), 3, "{second:?}");
    }
}

#[test]
fn a_file_without_a_strong_validator_is_downloaded_again() {
    let weak = first("W/\"e\"");
    let dated = Head { last_modified: Some("Thu, 01 Jan 2026 12:00:00 GMT".into()), ..status(200) };
    let encoded = Head { content_encoding: Some("gzip".into()), ..first("\"e\"") };
    for head in [status(200), weak, dated, encoded] {
        let (outcome, log) = continued(&head, &rest("\"e\"", "bytes 5-9/10"));
        assert!(matches!(outcome.end, End::Found { .. }), "{head:?}");
        assert_eq!(log.requests[1].resume, None, "{head:?}");
        assert_eq!(log.offsets, [0, 0], "{head:?}");
    }
}

#[test]
fn a_short_part_is_continued_and_a_body_that_is_too_long_is_downloaded_again() {
    let server = |_: &Request, number: usize| match number {
        0 => Play::Break(first("\"e\""), 5),
        1 => Play::Answer(rest("\"e\"", "bytes 5-7/10"), 8),
        _ => Play::Answer(rest("\"e\"", "bytes 8-9/10"), 10),
    };
    assert_eq!(play("k.pdb", known(), server, right).1.offsets, [0, 5, 8]);
    let server = |_: &Request, number: usize| match number {
        0 => Play::Break(first("\"e\""), 5),
        1 => Play::Answer(rest("\"e\"", "bytes 5-7/10"), 10),
        _ => Play::Answer(first("\"e\""), 10),
    };
    assert_eq!(play("k.pdb", known(), server, right).1.offsets, [0, 5, 0]);
}

#[test]
fn an_encoding_that_cannot_be_decoded_is_refused() {
    let head = Head { content_encoding: Some("br".into()), ..status(200) };
    let (outcome, log) = play("k.pdb", known(), |_, _| Play::Answer(head.clone(), 10), right);
    assert_eq!((outcome.end, log.offsets.len()), (End::Failed, 0));
    assert!(outcome.tried[0].answer.contains("\"br\""), "{:?}", outcome.tried);
}

#[test]
fn a_file_that_changed_is_downloaded_from_the_start() {
    let (_, log) = continued(&first("\"e\""), &first("\"f\""));
    assert!(log.requests[1].resume.is_some());
    assert_eq!(log.offsets, [0, 0]);
}

#[test]
fn a_slow_connection_is_never_given_up_while_it_brings_something() {
    let server = |_: &Request, number: usize| {
        let (start, end) = (number as u64 * PROGRESS, (number as u64 + 1) * PROGRESS);
        let content_range = Some(format!("bytes {start}-{}/{}", 40 * PROGRESS - 1, 40 * PROGRESS));
        let code = if number == 0 { 200 } else { 206 };
        let head = Head {
            etag: Some("\"e\"".into()),
            content_range,
            content_length: Some(if number == 0 { 40 * PROGRESS } else { 40 * PROGRESS - start }),
            ..status(code)
        };
        if number < 39 { Play::Break(head, end) } else { Play::Answer(head, end) }
    };
    let (outcome, log) = play("k.pdb", known(), server, right);
    assert!(matches!(outcome.end, End::Found { .. }));
    assert_eq!(log.requests.len(), 40);
}

#[test]
fn a_connection_that_always_breaks_at_the_same_place_is_given_up() {
    let server = |_: &Request, _: usize| Play::Break(status(200), 10 * PROGRESS);
    let (outcome, log) = play("k.pdb", known(), server, right);
    assert_eq!(outcome.end, End::Failed);
    assert_eq!(log.requests.len(), 5);
}

#[test]
fn a_body_shorter_than_announced_is_continued() {
    let server = |_: &Request, number: usize| match number {
        0 => Play::Answer(Head { etag: Some("\"e\"".into()), content_length: Some(10), ..status(200) }, 4),
        _ => Play::Answer(rest("\"e\"", "bytes 4-9/10"), 10),
    };
    let (outcome, log) = play("k.pdb", known(), server, right);
    assert!(matches!(outcome.end, End::Found { .. }));
    assert_eq!(log.offsets, [0, 4]);
}

#[test]
fn a_wrong_file_does_not_show_that_the_right_one_is_missing() {
    let (outcome, log) = play("k.pdb", known(), |_, _| Play::Answer(status(200), 10), |_, _| Verdict::Wrong);
    assert_eq!((outcome.end, log.requests.len()), (End::Failed, 8));
    assert_eq!(outcome.tried[0].answer, "another PDB");
}

#[test]
fn a_silently_truncated_file_is_fetched_again() {
    let judge = |_: Form, number: usize| if number == 1 { Verdict::Cut } else { Verdict::Right };
    let (outcome, log) = play("k.pdb", known(), |_, _| Play::Answer(status(200), 10), judge);
    assert!(matches!(outcome.end, End::Found { .. }));
    assert_eq!((log.requests.len(), log.pauses.len()), (2, 1));
    assert_eq!(log.requests[0].url, log.requests[1].url);
}

#[test]
fn pointers_lead_to_addresses_and_never_to_paths_or_say_why_not() {
    let server = |request: &Request, _: usize| match request.url.path() {
        path if path.ends_with("file.ptr") || path.starts_with("/there/") => Play::Answer(status(200), 10),
        _ => Play::Answer(status(404), 0),
    };
    let to = |pointer: Pointer| {
        move |form, _| match form {
            Form::Pointer => Verdict::Points(pointer.clone()),
            _ => Verdict::Right,
        }
    };
    let url = Url::parse("https://other/there/k.pdb").unwrap();
    let (outcome, log) = play("k.pdb", known(), server, to(Pointer::Url(url)));
    assert!(matches!(outcome.end, End::Found { .. }));
    assert_eq!(log.asked.last().unwrap(), "https://other/there/k.pdb");
    assert!(!log.requests.last().unwrap().credentials);

    for path in ["/etc/hostname", r"\\share\sym\k.pdb", r"C:\sym\k.pdb", "../k.pdb"] {
        let (outcome, _) = play("k.pdb", known(), server, to(Pointer::Path(path.into())));
        assert_eq!(outcome.end, End::Failed, "{path}");
        let told = outcome.tried.iter().any(|tried| tried.answer.contains("can lead to an address only"));
        assert!(told, "{path}: {:?}", outcome.tried);
    }

    let (outcome, _) = play("k.pdb", known(), server, to(Pointer::Message("private".into())));
    assert_eq!(outcome.end, End::Failed);
    assert!(outcome.tried.iter().any(|tried| tried.answer.contains("private")));
}

#[test]
fn nothing_secret_is_shown() {
    let server = |request: &Request, number: usize| match number {
        0 => Play::Answer(Head { location: Some("https://blob/f?sig=secret".into()), ..status(302) }, 0),
        _ => {
            assert_eq!(request.url.query(), Some("sig=secret").filter(|_| number == 1));
            Play::Answer(status(404), 0)
        }
    };
    let (outcome, _) = play("k.pdb", known(), server, right);
    assert_eq!(outcome.tried[0].place, "https://blob/f");
}

#[test]
fn credentials_go_to_the_same_host_and_port_only() {
    let party = |server: &str, url: &str| same_party(&Url::parse(server).unwrap(), &Url::parse(url).unwrap());
    assert!(party("https://h/s", "https://h/s/k.pdb"));
    assert!(party("https://h:443/s", "https://h/x"));
    assert!(party("http://h/s", "https://h/s"));
    assert!(!party("https://h/s", "http://h/s"));
    assert!(!party("https://h/s", "https://h:8443/s"));
    assert!(!party("http://h:8080/s", "https://h:8443/s"));
    assert!(!party("https://h/s", "https://blob.h/s"));
}

/// A server with random behaviour: whatever it does, a download ends, and credentials stay with the server.
#[test]
fn no_server_can_hold_a_download_forever_or_get_foreign_credentials() {
    let server = Url::parse("https://server/store").unwrap();
    for seed in 0..20_000 {
        let mut whim = fastrand::Rng::with_seed(seed);
        let habits = Habits { two_tiers: *whim.choice(&[None, Some(true), Some(false)]).unwrap(), ..known() };
        let random = fastrand::Rng::with_seed(seed);
        let mut step = Download::begin(&server, &wanted("K.pdb"), habits, Patience::default(), random);
        let mut requests = 0;
        let mut length = 0;
        let outcome = loop {
            step = match step {
                Step::Ask(ask) => {
                    requests += 1;
                    assert!(requests < 1000, "seed {seed} never ends");
                    let url = &ask.request.url;
                    assert!(matches!(url.scheme(), "http" | "https"));
                    assert!(
                        !ask.request.credentials || url.origin() == server.origin(),
                        "seed {seed}: {url}"
                    );
                    if let Some(resume) = &ask.request.resume {
                        assert_eq!(resume.offset, length, "seed {seed}");
                    }
                    if whim.u8(..) < 20 {
                        ask.failed("no answer".into())
                    } else {
                        let head = whimsical_head(&mut whim, length);
                        match ask.answered(&head, SystemTime::UNIX_EPOCH) {
                            Reply::Next(step) => step,
                            Reply::Body(receive) => {
                                // The driver discards the bytes of the file after this.
                                assert!(receive.offset <= length, "seed {seed}");
                                length = receive.offset + whim.u64(..200_000);
                                match whim.u8(..6) {
                                    0 => receive.complete(length),
                                    1 => receive.too_long(length),
                                    2 => receive.refused("junk".into()),
                                    3 if whim.u8(..4) == 0 => receive.too_slow("slow".into()),
                                    _ => receive.broke(length, "it broke".into()),
                                }
                            }
                        }
                    }
                }
                Step::Pause(pause) => {
                    assert!(pause.length <= Patience::default().longest_pause);
                    pause.over()
                }
                Step::Judge(judge) => match whim.u8(..5) {
                    0 => judge.accepted(),
                    1 => judge.cut("cut".into()),
                    2 => judge.points(Pointer::Url(Url::parse("https://other/x").unwrap())),
                    3 => judge.points(Pointer::Path("/x".into())),
                    _ => judge.refused("wrong".into()),
                },
                Step::Over(outcome) => break outcome,
            };
        };
        if outcome.end == End::Missing {
            assert!(outcome.tried.iter().all(|tried| tried.answer.ends_with("not here")), "seed {seed}");
        }
    }
}

fn whimsical_head(whim: &mut fastrand::Rng, length: u64) -> Head {
    let statuses =
        [200, 200, 200, 206, 206, 301, 302, 307, 400, 401, 403, 404, 404, 404, 406, 410, 416, 429, 503];
    let places =
        ["/x", "https://server/y", "https://blob/z?sig=1", "http://server/down", "ftp://server/", "::"];
    let text = |whim: &mut fastrand::Rng, choices: &[&str]| {
        (whim.bool()).then(|| (*whim.choice(choices).unwrap()).to_owned())
    };
    let range = format!("bytes {length}-{}/{}", length + 99, length + 100);
    Head {
        status: *whim.choice(&statuses).unwrap(),
        location: text(whim, &places),
        retry_after: text(whim, &["0", "1", "100000", "soon", "Thu, 01 Jan 1970 00:01:00 GMT"]),
        content_length: whim.bool().then(|| whim.u64(..300_000)),
        content_range: text(whim, &[&range, "bytes 0-1/2", "nonsense"]),
        content_type: text(whim, &["text/html", "application/octet-stream"]),
        etag: text(whim, &["\"a\"", "W/\"b\""]),
        content_encoding: text(whim, &["gzip", "br", ""]),
        last_modified: text(whim, &["today", "Thu, 01 Jan 1970 00:00:00 GMT"]),
        date: text(whim, &["Thu, 01 Jan 1970 00:01:00 GMT"]),
        detail: None,
    }
}
