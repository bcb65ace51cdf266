//! Stores on servers, played by the loopback server.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use support::{GUID_AGE, World, guid_age, other_pdb, pdb, place, read, wanted};
use symbol_server::{Fault, Request, Response, Server, fixture, folder};
use symbols::{Error, Fetcher, Wanted};

/// A server that answers requests for the plain file with these answers in turn, and all others with 404.
fn in_turns(turns: Vec<Response>) -> Server {
    let next = AtomicUsize::new(0);
    Server::start(move |request| {
        if !request.path().ends_with("/k.pdb") || request.path().contains("msfz0") {
            return Response::status(404);
        }
        let index = next.fetch_add(1, Ordering::SeqCst).min(turns.len() - 1);
        turns[index].clone().ranged(request, "\"1\"")
    })
    .unwrap()
}

fn stored(world: &World) -> Vec<String> {
    world.files().into_iter().filter(|file| !file.starts_with("missing/")).collect()
}

#[test]
fn a_file_is_fetched_into_the_store_and_found_there_the_next_time() {
    let world = World::new();
    world.file(&format!("served/{}", place("k.pdb")), &pdb());
    let server = Server::of_folder(&world.path("served")).unwrap();
    let symbol_path = format!("srv*{}*{}", world.path("a").display(), server.url());
    let found = world.fetch(&symbol_path).unwrap();
    assert_eq!(found.path, world.path("a").join(place("k.pdb")));
    assert_eq!(read(&found.path), pdb());
    assert_eq!(found.from, format!("{}/{}", server.url(), place("k.pdb")));
    let request = &server.requests()[0];
    assert_eq!(request.header("user-agent"), Some("Microsoft-Symbol-Server/10.0.0.0"));
    assert_eq!(request.header("accept"), Some("application/msfz0"));
    world.fetch(&symbol_path).unwrap();
    assert_eq!(server.requests().len(), 1);
    let story = world.story.text();
    assert!(story.contains(&format!("Trying to fetch {}/k.pdb/", server.url())), "{story}");
    assert!(story.contains(&format!("Received {} bytes", pdb().len())), "{story}");
}

#[test]
fn cabinets_and_the_compact_form_come_from_servers_too() {
    let forms: [(&str, Vec<u8>); 3] = [
        ("k.pd_", fixture::cabinet(&[("k.pdb", &pdb())]).unwrap()),
        ("k.pdb", fixture::msfz(guid_age(), 1000).unwrap()),
        ("msfz0/k.pdb", fixture::msfz(guid_age(), 1000).unwrap()),
    ];
    for (name, bytes) in forms {
        let world = World::new();
        world.file(&format!("served/{}", place(name)), &bytes);
        let server = Server::of_folder(&world.path("served")).unwrap();
        let found = world.fetch(&format!("srv*{}*{}", world.path("a").display(), server.url())).unwrap();
        let identity = pe::Identity::read(&mut std::fs::File::open(&found.path).unwrap()).unwrap();
        assert_eq!(identity.guid_age, guid_age(), "{name}");
        let expected = [format!("a/{}", place("k.pdb")), format!("served/{}", place(name))];
        assert_eq!(world.files(), expected, "{name}");
    }
}

#[test]
fn a_pointer_of_a_server_never_leads_to_a_file_of_this_machine() {
    let elsewhere = World::new();
    let direct = elsewhere.file("x.pdb", &pdb()).display().to_string();
    for to in [direct.as_str(), r"\\127.0.0.1\sym\x.pdb", "file:///etc/hostname", "../../x.pdb"] {
        let world = World::new();
        world.file(&format!("served/{}", place("file.ptr")), format!("PATH:{to}").as_bytes());
        let server = Server::of_folder(&world.path("served")).unwrap();
        let error = world.fetch(&format!("srv*{}", server.url())).unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{to}: {error}");
        assert!(error.to_string().contains("a server can lead to an address only"), "{to}: {error}");
        assert_eq!(stored(&world), [format!("served/{}", place("file.ptr"))], "{to}");
    }
}

#[test]
fn identifiers_are_tried_in_lower_case_too() {
    for (id, name) in [(GUID_AGE.to_lowercase(), "k.pdb"), (GUID_AGE.to_lowercase(), "k.pd_")] {
        let world = World::new();
        let bytes = match name {
            "k.pdb" => pdb(),
            _ => fixture::cabinet(&[("k.pdb", &pdb())]).unwrap(),
        };
        world.file(&format!("served/k.pdb/{id}/{name}"), &bytes);
        let server = Server::of_folder(&world.path("served")).unwrap();
        let found = world.fetch(&format!("srv*{}*{}", world.path("a").display(), server.url())).unwrap();
        // Our own stores use one spelling.
        assert_eq!(found.path, world.path("a").join(place("k.pdb")));
    }
}

#[test]
fn a_refusal_counts_as_missing_for_this_run() {
    let world = World::new();
    let cabinet = fixture::cabinet(&[("k.pdb", &pdb())]).unwrap();
    let store = Server::start(move |request| match request.path().ends_with("k.pd_") {
        true => Response::bytes(cabinet.clone()),
        false => Response::status(403),
    })
    .unwrap();
    world.fetch(&format!("srv*{}", store.url())).unwrap();
    assert_eq!(store.requests().len(), 2);

    let world = World::new();
    let closed = Server::start(|_| Response::status(403)).unwrap();
    let mut options = world.options(&format!("srv*{}", closed.url()));
    options.negative_cache = Some(world.negative_cache());
    let fetcher = Fetcher::new(options.clone());
    let begun = Instant::now();
    let error = fetcher.fetch(&wanted(), &world.story).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }) && error.to_string().contains("was refused"), "{error}");
    let asked = closed.requests().len();
    let error = fetcher.fetch(&wanted(), &world.story).unwrap_err().to_string();
    assert!(error.contains("refused before in this run"), "{error}");
    assert_eq!(closed.requests().len(), asked);
    assert!(begun.elapsed() < Duration::from_secs(2));
    // The next run asks again, and another place may have the file.
    assert_eq!(world.files(), Vec::<String>::new());
    world.file(&format!("served/{}", place("k.pdb")), &pdb());
    let open = Server::of_folder(&world.path("served")).unwrap();
    world.fetch(&format!("srv*{};srv*{}", closed.url(), open.url())).unwrap();
    assert!(closed.requests().len() > asked);
}

#[test]
fn a_server_that_does_not_answer_is_asked_once_in_a_run() {
    let world = World::new();
    let server = Server::start(|_| Response::status(200).with_fault(Fault::Mute)).unwrap();
    let mut options = world.options(&format!("srv*{}", server.url()));
    options.workers = 1;
    options.client.idle_limit = Duration::from_millis(300);
    let fetcher = Fetcher::new(options);
    let results = fetcher.fetch_all(&[wanted(), wanted(), wanted()], &world.story);
    let last = results[2].as_ref().unwrap_err().to_string();
    assert!(last.contains("did not answer in time before"), "{last}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_pointer_of_a_server_may_lead_to_another_server() {
    let world = World::new();
    world.file("far/x.pdb", &pdb());
    let far = Server::of_folder(&world.path("far")).unwrap();
    let pointer = format!("PATH:{}/x.pdb", far.url_as("localhost"));
    world.file(&format!("near/{}", place("file.ptr")), pointer.as_bytes());
    let near = Server::of_folder(&world.path("near")).unwrap();
    let found = world.fetch(&format!("srv*{}", near.url())).unwrap();
    assert_eq!(read(&found.path), pdb());
}

#[test]
fn a_store_of_two_tiers_is_detected_once() {
    let world = World::new();
    world.file("served/index2.txt", b"");
    world.file(&format!("served/k./{}", place("k.pdb")), &pdb());
    let server = Server::of_folder(&world.path("served")).unwrap();
    let fetcher = Fetcher::new(world.options(&format!("srv*{}", server.url())));
    fetcher.fetch(&wanted(), &world.story).unwrap();
    let other = Wanted::new("l.pdb".parse().unwrap(), guid_age());
    assert!(matches!(fetcher.fetch(&other, &world.story), Err(Error::Missing { .. })));
    let asked = server.paths().iter().filter(|path| path.ends_with("index2.txt")).count();
    assert_eq!(asked, 1);
}

#[test]
fn redirects_are_followed_across_hosts_without_credentials_and_never_remembered() {
    let world = World::new();
    world.file("blob/x", &pdb());
    let blob = Server::of_folder(&world.path("blob")).unwrap();
    let to = format!("{}/x?sig=secret", blob.url_as("localhost"));
    let front = Server::start(move |_| Response::redirect(&to)).unwrap();
    let mut options = world.options(&format!("srv*{}", front.url()));
    options.client.credentials.add_netrc("machine 127.0.0.1 login me password secret");
    options.client.credentials.add_netrc("machine localhost login other password other");
    let fetcher = Fetcher::new(options);
    fetcher.fetch(&wanted(), &world.story).unwrap();
    assert_eq!(front.requests()[0].header("authorization"), Some("Basic bWU6c2VjcmV0"));
    assert_eq!(blob.requests()[0].header("authorization"), None);
    std::fs::remove_dir_all(world.path("default")).unwrap();
    fetcher.fetch(&wanted(), &world.story).unwrap();
    assert_eq!(front.requests().len(), 2);
    assert!(!world.story.text().contains("secret"), "{}", world.story.text());
}

#[test]
fn headers_for_private_servers_go_to_their_host_only() {
    let world = World::new();
    let blob = Server::start(|_| Response::bytes(pdb())).unwrap();
    let to = format!("{}/x", blob.url_as("localhost"));
    let front = Server::start(move |_| Response::redirect(&to)).unwrap();
    let mut options = world.options(&format!("srv*{}", front.url()));
    options.client.credentials.add_headers("127.0.0.1 X-Token: secret").unwrap();
    world.fetch_with(options).unwrap();
    assert_eq!(front.requests()[0].header("x-token"), Some("secret"));
    assert_eq!(blob.requests()[0].header("x-token"), None);
}

#[test]
fn the_login_in_an_address_is_used_and_not_shown() {
    let world = World::new();
    let server = Server::start(|request| match request.header("authorization") {
        Some("Basic bWU6c2VjcmV0") => Response::status(404),
        _ => Response::status(401),
    })
    .unwrap();
    let with_login = server.url().replace("http://", "http://me:secret@");
    let error = world.fetch(&format!("srv*{with_login}")).unwrap_err();
    assert!(matches!(error, Error::Missing { .. }), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    let error = world.fetch(&format!("srv*{}", server.url())).unwrap_err();
    assert!(error.to_string().contains("401: the server requires valid credentials"), "{error}");
}

#[test]
fn a_connection_that_breaks_is_continued_where_it_broke() {
    let world = World::new();
    let broken = |after| Response::bytes(pdb()).with_fault(Fault::BreakAfter(after));
    let server = in_turns(vec![broken(100_000), broken(70_000), Response::bytes(pdb())]);
    let found = world.fetch(&format!("srv*{}", server.url())).unwrap();
    assert_eq!(read(&found.path), pdb());
    let ranges: Vec<_> =
        server.requests().iter().map(|request| request.header("range").map(str::to_owned)).collect();
    assert_eq!(ranges, [None, Some("bytes=100000-".into()), Some("bytes=170000-".into())]);
    assert_eq!(server.requests()[1].header("if-range"), Some("\"1\""));
}

#[test]
fn a_server_that_stalls_is_given_up_after_the_idle_limit_and_continued() {
    let world = World::new();
    let server =
        in_turns(vec![Response::bytes(pdb()).with_fault(Fault::StallAfter(80_000)), Response::bytes(pdb())]);
    let mut options = world.options(&format!("srv*{}", server.url()));
    options.client.idle_limit = Duration::from_millis(300);
    let found = world.fetch_with(options).unwrap();
    assert_eq!(read(&found.path), pdb());
    assert_eq!(server.requests()[1].header("range"), Some("bytes=80000-"));
    assert!(world.story.text().contains("no data arrived in time"), "{}", world.story.text());
}

#[test]
fn a_server_that_stalls_without_bringing_anything_costs_two_attempts() {
    let world = World::new();
    let server = in_turns(vec![Response::bytes(pdb()).with_fault(Fault::StallAfter(100))]);
    let mut options = world.options(&format!("srv*{}", server.url()));
    options.client.idle_limit = Duration::from_millis(300);
    let error = world.fetch_with(options).unwrap_err().to_string();
    assert!(error.contains("no data arrived in time (after 200 bytes); gave up after 2 attempts"), "{error}");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_server_that_drips_is_given_up_and_not_asked_again() {
    let world = World::new();
    let server = in_turns(vec![Response::bytes(pdb()).with_fault(Fault::Trickle(10, 20))]);
    let mut options = world.options(&format!("srv*{}", server.url()));
    options.workers = 1;
    options.client.least_rate =
        symbols::LeastRate { bytes_per_second: 5_000, during: Duration::from_millis(400) };
    let fetcher = Fetcher::new(options);
    let begun = Instant::now();
    let results = fetcher.fetch_all(&[wanted(), wanted()], &world.story);
    let error = results[0].as_ref().unwrap_err().to_string();
    assert!(error.contains("less than 5000 bytes/s for 0.4 s"), "{error}");
    assert!(results[1].is_err());
    assert_eq!(server.requests().len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[test]
fn a_slow_server_may_take_longer_in_all_than_the_idle_limit() {
    let world = World::new();
    let server = in_turns(vec![Response::bytes(pdb()).with_fault(Fault::Trickle(20_000, 60))]);
    let mut options = world.options(&format!("srv*{}", server.url()));
    options.client.idle_limit = Duration::from_millis(400);
    let begun = Instant::now();
    let found = world.fetch_with(options).unwrap();
    assert_eq!(read(&found.path), pdb());
    assert!(begun.elapsed() > Duration::from_millis(400));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn false_lengths_do_not_put_a_truncated_file_into_the_store() {
    let length = pdb().len() as u64;
    let cut: Vec<u8> = pdb()[..200_000].into();
    let lies = [
        Response::bytes(pdb()).with_length(Some(length - 1000)),
        Response::bytes(cut.clone()),
        Response::bytes(cut.clone()).with_length(None),
        Response::bytes(cut).with_length(Some(length)),
        Response::bytes(pdb()).with_length(Some(length + 1000)),
        Response::bytes(Vec::new()),
    ];
    for lie in lies {
        let world = World::new();
        let server = in_turns(vec![lie.clone(), Response::bytes(pdb())]);
        let found = world.fetch(&format!("srv*{}", server.url())).unwrap();
        assert_eq!(read(&found.path), pdb());
        // A server that keeps lying puts nothing into the store.
        let world = World::new();
        let server = in_turns(vec![lie]);
        if let Err(error) = world.fetch(&format!("srv*{}", server.url())) {
            assert!(matches!(error, Error::Unavailable { .. }), "{error}");
            assert_eq!(stored(&world), Vec::<String>::new());
        }
    }
}

#[test]
fn a_body_without_a_length_is_taken_whole() {
    let world = World::new();
    let server = in_turns(vec![Response::bytes(pdb()).with_length(None)]);
    assert_eq!(read(&world.fetch(&format!("srv*{}", server.url())).unwrap().path), pdb());
}

#[test]
fn pages_and_other_files_never_enter_a_store() {
    let answers = [
        (Response::page(), "an HTML page"),
        (Response::bytes(other_pdb()), "found 3844DBB920174967BE7AA4A2C20430FA2"),
        (Response::bytes(fixture::cabinet(&[("k.pdb", &other_pdb())]).unwrap()), "found 3844DBB"),
        (Response::bytes(fixture::cabinet(&[("k.pdb", b"<html>")]).unwrap()), "an HTML page"),
        (Response::bytes(fixture::cabinet(&[("x", b"y")]).unwrap()), "found 'x'"),
        (Response::bytes(b"\x1f\x8b\x08\0zip".to_vec()), "gzip"),
        (Response::bytes(vec![0; 100]), "a file of zeros"),
        (Response::status(302), "302 without a place to go"),
        (Response::status(418), "418, expected 200"),
    ];
    for (answer, reason) in answers {
        let world = World::new();
        let server = Server::start(move |_| answer.clone()).unwrap();
        let mut options = world.options(&format!("srv*{}", server.url()));
        options.negative_cache = Some(world.negative_cache());
        let error = world.fetch_with(options).unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{error}");
        assert!(error.to_string().contains(reason), "expected {reason}: {error}");
        assert_eq!(world.files(), Vec::<String>::new(), "{reason}");
    }
}

#[test]
fn a_body_beyond_the_limit_is_not_taken() {
    for length in [Some(pdb().len() as u64), None] {
        let world = World::new();
        let server = in_turns(vec![Response::bytes(pdb()).with_length(length)]);
        let mut options = world.options(&format!("srv*{}", server.url()));
        options.size_limit = 100_000;
        let error = world.fetch_with(options).unwrap_err().to_string();
        assert!(error.contains("more than 100000 bytes"), "{error}");
        assert_eq!(stored(&world), Vec::<String>::new());
    }
}

#[test]
fn failures_are_retried() {
    for status in [429, 500, 503] {
        let world = World::new();
        let server =
            in_turns(vec![Response::status(status), Response::status(status), Response::bytes(pdb())]);
        world.fetch(&format!("srv*{}", server.url())).unwrap();
        assert_eq!(server.requests().len(), 3, "{status}");
    }
    let world = World::new();
    let server = in_turns(vec![Response::status(200).with_fault(Fault::Silence), Response::bytes(pdb())]);
    world.fetch(&format!("srv*{}", server.url())).unwrap();
}

#[test]
fn a_pause_that_a_server_asks_for_applies_to_all_threads() {
    let world = World::new();
    let first = AtomicUsize::new(0);
    let begun = Instant::now();
    let server = Server::start(move |_| match first.fetch_add(1, Ordering::SeqCst) {
        0 => Response::status(429).with("Retry-After", "1"),
        _ if begun.elapsed() < Duration::from_millis(900) => Response::status(418),
        _ => Response::bytes(pdb()),
    })
    .unwrap();
    let mut options = world.options(&format!("srv*{}", server.url()));
    options.workers = 1;
    let fetcher = Fetcher::new(options);
    let results = fetcher.fetch_all(&[wanted(), wanted()], &world.story);
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert!(begun.elapsed() > Duration::from_secs(1));
}

#[test]
fn a_server_that_is_down_costs_its_pauses_once() {
    let world = World::new();
    let server = Server::start(|_| Response::status(200).with_fault(Fault::Silence)).unwrap();
    let mut options = world.options(&format!("srv*{}", server.url()));
    options.workers = 1;
    let fetcher = Fetcher::new(options);
    let results = fetcher.fetch_all(&[wanted(), wanted(), wanted()], &world.story);
    assert!(results.iter().all(|result| matches!(result, Err(Error::Unavailable { .. }))));
    assert_eq!(server.requests().len(), 4 + 1 + 1);
}

#[test]
fn missing_files_are_remembered_until_the_entry_expires() {
    let world = World::new();
    let server = Server::start(|_| Response::status(404)).unwrap();
    let mut options = world.options(&format!("srv*{}", server.url()));
    options.negative_cache = Some(world.negative_cache());
    assert!(matches!(world.fetch_with(options.clone()), Err(Error::Missing { .. })));
    let asked = server.requests().len();
    let error = world.fetch_with(options.clone()).unwrap_err();
    assert!(matches!(error, Error::Missing { .. }));
    assert!(error.to_string().contains("remembered"), "{error}");
    assert_eq!(server.requests().len(), asked);
    options.negative_cache.as_mut().unwrap().expiry = Duration::ZERO;
    assert!(world.fetch_with(options).is_err());
    assert!(server.requests().len() > asked);
}

#[test]
fn offline_no_server_is_asked() {
    let world = World::new();
    let server = Server::start(|_| Response::bytes(pdb())).unwrap();
    let mut options = world.options(&format!("srv*{}", server.url()));
    options.client.offline = true;
    let error = world.fetch_with(options).unwrap_err().to_string();
    assert!(error.contains("not asked (offline)"), "{error}");
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_server_that_fails_on_the_compact_form_is_asked_without_it() {
    let world = World::new();
    let server = Server::start(|request| match request.header("accept") {
        Some("application/msfz0") => Response::status(406),
        _ => Response::bytes(pdb()),
    })
    .unwrap();
    world.fetch(&format!("srv*{}", server.url())).unwrap();
    assert_eq!(server.requests()[1].header("accept"), Some("*/*"));
}

#[test]
fn names_are_encoded_in_addresses() {
    let world = World::new();
    let mut wanted = wanted();
    wanted.name = "ä b#c%20.pdb".parse().unwrap();
    world.file(&format!("served/{0}/{GUID_AGE}/{0}", wanted.name), &pdb());
    let server = Server::of_folder(&world.path("served")).unwrap();
    let options = world.options(&format!("srv*{}", server.url()));
    Fetcher::new(options).fetch(&wanted, &world.story).unwrap();
    assert!(server.requests()[0].target.starts_with("/%C3%A4%20b%23c%2520.pdb/"), "{:?}", server.requests());
}

#[test]
fn many_files_come_at_once_and_each_has_its_own_result() {
    let world = World::new();
    let ages: Vec<u32> = (1..=20).collect();
    let at = |age: u32| profile::GuidAge::new(guid_age().guid(), age);
    for age in ages.iter().filter(|age| *age % 5 != 0) {
        let file = format!("served/k.pdb/{}/k.pdb", at(*age));
        world.file(&file, &fixture::pdb(at(*age), 50_000).unwrap());
    }
    let busy = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let serve = folder(&world.path("served"));
    let counts = Arc::clone(&busy);
    let server = Server::start(move |request: &Request| {
        let now = counts.0.fetch_add(1, Ordering::SeqCst) + 1;
        counts.1.fetch_max(now, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(20));
        counts.0.fetch_sub(1, Ordering::SeqCst);
        serve(request)
    })
    .unwrap();
    let wanted: Vec<_> = ages.iter().map(|age| Wanted::new("k.pdb".parse().unwrap(), at(*age))).collect();
    let fetcher = Fetcher::new(world.options(&format!("srv*{}", server.url())));
    let results = fetcher.fetch_all(&wanted, &world.story);
    for (wanted, result) in wanted.iter().zip(&results) {
        match result {
            Ok(found) => assert!(found.path.display().to_string().contains(&wanted.guid_age.to_string())),
            Err(error) => assert!(matches!(error, Error::Missing { .. }) && wanted.guid_age.age() % 5 == 0),
        }
    }
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 16);
    let most = busy.1.load(Ordering::SeqCst);
    assert!((2..=4).contains(&most), "{most} at once");
}

#[test]
fn several_fetchers_may_want_the_same_file_at_once() {
    let world = World::new();
    let server = in_turns(vec![Response::bytes(pdb()).with_fault(Fault::Trickle(50_000, 5))]);
    let symbol_path = format!("srv*{}*{}", world.path("a").display(), server.url());
    std::thread::scope(|scope| {
        let fetchers: Vec<_> = (0..6).map(|_| scope.spawn(|| world.fetch(&symbol_path))).collect();
        for fetcher in fetchers {
            assert_eq!(read(&fetcher.join().unwrap().unwrap().path), pdb());
        }
    });
    assert_eq!(world.files(), [format!("a/{}", place("k.pdb"))]);
}
