//! One history: people, the operator, the stream and the sweeper, each in tasks of their own; then rest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use signup_service::census::{Delta, Sums, Tally, country_field};
use signup_service::clock::{Clock, after};
use signup_service::config::{ConfirmationMode, Duration, EventType, ServiceConfig};
use signup_service::counting::OVERDUE;
use signup_service::event::Wanted;
use signup_service::journal::{Journal, Line};
use signup_service::ledger::Ledger;
use signup_service::store::{MemoryStore, Store};
use signup_service::stream::{Change, What};
use signup_service::user::Rules;
use signup_service::worker::{Sending, Worker};

use crate::faults::{FakeSes, FakeSns, Faulty, Odds, OnTheirWay};
use crate::people::{Crowd, token_key};
use crate::witness::{Who, Witness, brief};
use crate::world::{Tasks, World};

/// How long an invocation may begin something new, and how long it may take at all, in seconds.
const UNTIL: u32 = 22;
const TIMEOUT: i64 = 60;

/// One service, its people, and all that happens to them.
pub struct History {
    world: Arc<World>,
    tasks: Tasks,
    store: Arc<MemoryStore>,
    witness: Arc<Mutex<Witness>>,
    odds: Arc<Mutex<Odds>>,
    on_their_way: Arc<Mutex<OnTheirWay>>,
    config: Arc<ServiceConfig>,
    crowd: Crowd,
    /// Whether the key of addresses is replaced.
    replaces: bool,
    /// What each warm instance of the worker knows of its account.
    instances: Vec<Arc<Mutex<Sending>>>,
    /// Records of the stream that were not delivered yet, and how many there ever were.
    queue: Vec<Change>,
    read: usize,
    /// Records that an invocation holds, to come again when it is ended; what it leaves comes again too.
    held: Arc<Mutex<BTreeMap<u64, Vec<Change>>>>,
}

/// Hands alarms to the witness.
#[derive(Debug)]
struct Alarms(Arc<Mutex<Witness>>);

impl Journal for Alarms {
    fn write(&self, line: &Line) {
        let line = line.json("simulation");
        let mut witness = self.0.lock().expect("a history ends with its first panic");
        if line.contains("MailsGivenUp") {
            witness.alarm();
        }
        if line.contains("EventsGivenUp") {
            witness.digest_alarm();
        }
    }
}

/// A small form, with the times that this history has.
fn config(world: &World, mode: ConfirmationMode) -> ServiceConfig {
    let json = serde_json::json!({
        "service": "simulation", "email": { "from": "hello@example.com" }, "retention": "7d",
        "form": { "title": "Simulation", "fields": [
            { "name": "email", "type": "email" }, { "name": "country", "type": "country" },
            { "name": "age", "type": "integer" },
        ] },
    });
    let mut config: ServiceConfig = serde_json::from_value(json).expect("a configuration");
    let expires = [900, 3_600, 86_400][world.below(3)];
    config.confirmation.mode = mode;
    config.confirmation.expires = Duration { seconds: expires };
    config.retention = Duration { seconds: [expires, 604_800][world.below(2)] };
    // Nobody subscribes, somebody does, or somebody who is told the address.
    let subscribed = world.below(3);
    if subscribed > 0 {
        config.notifications.events = EventType::ALL.to_vec();
    }
    if subscribed > 1 {
        config.notifications.fields = vec!["email".into(), "age".into()];
    }
    config.notifications.digest = world.below(2) == 0;
    config.notifications.digest_hour = [None, Some(0), Some(23)][world.below(3)];
    config
}

impl History {
    pub fn new(seed: u64, loud: bool) -> Self {
        let world = World::new(seed, loud);
        let mode = if world.in_thousand(250) { ConfirmationMode::None } else { ConfirmationMode::DoubleOptIn };
        let config = config(&world, mode);
        let rules = Rules::of(&config);
        let store = Arc::new(MemoryStore::default());
        let witness = Arc::new(Mutex::new(Witness::new(world.clone(), store.clone(), rules.expires)));
        if !config.notifications.events.is_empty() {
            witness.lock().expect("a history ends with its first panic").subscribe();
        }
        let (calm, calls, mails) = (world.in_thousand(200), world.below(150), world.below(500));
        let ends = world.below(2) * world.below(400);
        let odds = if calm { Odds::default() } else { Odds { store: calls, mail: mails, end: ends } };
        let instances = (0..=world.below(3)).map(|_| Arc::new(Mutex::new(Sending::new(world.now())))).collect();
        Self {
            tasks: Tasks::new(world.clone()),
            crowd: Crowd::new(&world, rules),
            replaces: world.below(2) == 0,
            store,
            witness,
            odds: Arc::new(Mutex::new(odds)),
            on_their_way: Arc::default(),
            config: Arc::new(config),
            instances,
            queue: Vec::new(),
            read: 0,
            held: Arc::default(),
            world,
        }
    }

    /// Lets everything happen, and then checks what must hold when nothing happens any more.
    pub fn run(mut self) {
        for _ in 0..20 + self.world.below(40) {
            self.happen();
            self.tasks.step(self.world.below(12));
            self.bury();
        }
        self.come_to_rest();
    }

    fn happen(&mut self) {
        if self.replaces && self.world.in_thousand(200) {
            match self.world.below(3) {
                0 => self.person(Crowd::rename),
                _ => self.crowd.replace_key(&self.world, TIMEOUT * 1_000),
            }
        }
        match self.world.below(100) {
            0..26 => self.person(Crowd::sign_up),
            26..38 => self.person(Crowd::follow_link),
            38..42 => self.person(Crowd::type_digits),
            42..46 => self.person(Crowd::unsubscribe),
            46..50 => self.person(Crowd::resend),
            50..52 => self.person(Crowd::erase),
            52..54 => self.person(Crowd::report),
            54..73 => self.deliver(),
            73..79 => self.sweep(),
            79..81 => self.expire(),
            81..84 => self.tasks.kill_one(),
            84..94 => self.tasks.pass(self.world.chance(|chance| {
                let most = [1_000, 20_000, 120_000, 400_000, 1_200_000][chance.below(5)];
                i64::try_from(chance.below(most)).expect("short")
            })),
            94..97 => self.long_pass(),
            97..99 => self.jump(),
            _ => self.crowd.change_mode(&self.world),
        }
    }

    fn faulty(&self, who: Who) -> Faulty {
        let (store, witness, odds) = (self.store.clone(), self.witness.clone(), self.odds.clone());
        let on_their_way = self.on_their_way.clone();
        Faulty { world: self.world.clone(), store, witness, odds, who, late: Arc::default(), on_their_way }
    }

    fn ledger(&self, faulty: Faulty) -> Ledger {
        let wanted = Wanted::of(&self.config);
        Ledger { store: Arc::new(faulty), clock: self.world.clone(), entropy: self.world.clone(), wanted }
    }

    /// Somebody does something, if there is something to do.
    fn person(&mut self, act: fn(&Crowd, &Faulty) -> Option<crate::people::Act>) {
        let Some(act) = act(&self.crowd, &self.faulty(Who::Operator)) else { return };
        let name = self.tasks.next_name();
        self.world.note(|| format!("task {name}: {:?}", act.who()));
        let faulty = self.faulty(act.who());
        let ledger = self.ledger(faulty.clone());
        self.tasks.begin(name, TIMEOUT, act.perform(ledger, faulty));
    }

    fn worker(&self, name: u64) -> Worker {
        let faulty = self.faulty(Who::Worker(name));
        Worker {
            config: self.config.clone(),
            mailer: Arc::new(FakeSes(faulty.clone())),
            publisher: Arc::new(FakeSns(faulty.clone())),
            ledger: self.ledger(faulty),
            journal: Arc::new(Alarms(self.witness.clone())),
            token_key: token_key(),
            sending: self.instances[self.world.below(self.instances.len())].clone(),
        }
    }

    fn sweep(&mut self) {
        let name = self.tasks.next_name();
        self.world.note(|| format!("task {name}: sweeps"));
        let (worker, until) = (self.worker(name), after(self.world.now(), UNTIL));
        self.tasks.begin(name, TIMEOUT, async move { drop(worker.sweep(until).await) });
    }

    /// New records come to the end of the queue; some come twice, some out of order, and some are lost.
    fn read_stream(&mut self) {
        let changes = self.store.changes();
        let read = std::mem::replace(&mut self.read, changes.len());
        for change in changes.into_iter().skip(read).filter(|change| change.what != What::Nothing) {
            self.world.chance(|chance| {
                if chance.in_thousand(50) {
                    return;
                }
                if chance.in_thousand(150) {
                    self.queue.push(change.clone());
                }
                let at = if chance.in_thousand(200) { chance.below(self.queue.len() + 1) } else { self.queue.len() };
                self.queue.insert(at, change);
            });
        }
    }

    fn deliver(&mut self) {
        self.read_stream();
        let count = self.queue.len().min(1 + self.world.below(8));
        if count > 0 {
            let batch = self.queue.drain(..count).collect();
            self.begin_batch(batch);
        }
    }

    fn begin_batch(&mut self, batch: Vec<Change>) {
        let name = self.tasks.next_name();
        self.world.note(|| format!("task {name}: a batch of {}", batch.len()));
        let (worker, until, held) = (self.worker(name), after(self.world.now(), UNTIL), self.held.clone());
        held.lock().expect("a history ends with its first panic").insert(name, batch.clone());
        self.tasks.begin(name, TIMEOUT, async move {
            let failed = worker.batch(&batch, until).await;
            let mut held = held.lock().expect("a history ends with its first panic");
            let left = held.get_mut(&name).expect("it is held until the end");
            left.retain(|change| failed.contains(&change.sequence));
            if left.is_empty() {
                held.remove(&name);
            }
        });
    }

    /// What ended invocations held comes again, unless the stream gives up.
    fn bury(&mut self) {
        let killed = std::mem::take(&mut self.tasks.killed);
        for name in &killed {
            let excuse = |witness: &mut Witness| witness.excuse(|attempt| attempt.invocation == *name);
            self.faulty(Who::Operator).with(excuse);
        }
        let running: Vec<u64> = self.tasks.names();
        let mut held = self.held.lock().expect("a history ends with its first panic");
        let ended: Vec<u64> = held.keys().filter(|name| !running.contains(name)).copied().collect();
        for name in ended {
            let left = held.remove(&name).unwrap_or_default();
            if !self.world.in_thousand(100) {
                self.queue.splice(0..0, left);
            }
        }
    }

    /// The table forgets whoever is past keeping.
    fn expire(&mut self) {
        self.faulty(Who::Operator).arrive(self.world.passed());
        let (before, users) = (self.store.changes().len(), self.store.users());
        self.store.expire(self.world.now());
        let faulty = self.faulty(Who::Operator);
        let left = self.store.users();
        for user in users.iter().filter(|user| !left.contains(user)) {
            faulty.with(|witness| witness.forgot(user));
        }
        for change in self.store.changes().iter().skip(before) {
            self.world.note(|| format!("the table forgets: {:?}", change.what));
            let What::Forgotten(user) = &change.what else { continue };
            faulty.with(|witness| witness.passes(&change.event, user));
            if let Some(counted) = &user.counted {
                faulty.with(|witness| witness.counts_less(&change.event, counted));
            }
        }
        faulty.with(|witness| witness.recount());
    }

    /// Hours or days in which nobody comes.
    fn long_pass(&mut self) {
        let hours = [1, 6, 24, 72, 200][self.world.below(5)];
        self.world.note(|| format!("{hours} hours pass"));
        self.tasks.pass(hours * 3_600_000);
        if hours >= 24 {
            self.trim();
        }
    }

    /// The stream holds what it was not asked for within a day no longer.
    fn trim(&mut self) {
        self.bury();
        self.read_stream();
        self.queue.clear();
    }

    /// The clock on the wall is set, while everything goes on.
    fn jump(&mut self) {
        let seconds = if self.world.in_thousand(500) {
            // Not by more than minutes, in all.
            let left = 120_u32.saturating_sub(self.faulty(Who::Operator).with(|witness| witness.slack));
            -(self.world.below(60) as i64).min(i64::from(left))
        } else {
            [30, 600, 7_200, 172_800][self.world.below(4)]
        };
        self.world.note(|| format!("the clock jumps by {seconds} s"));
        self.world.jump(seconds * 1_000);
        if seconds > 86_400 {
            self.trim();
        }
        self.faulty(Who::Operator).with(|witness| {
            witness.excuse(|_| true);
            witness.slack += u32::try_from(-seconds).unwrap_or(0);
        });
    }

    fn come_to_rest(&mut self) {
        *self.odds.lock().expect("a history ends with its first panic") = Odds::default();
        self.faulty(Who::Operator).arrive(i64::MAX);
        self.world.note(|| "nothing fails any more".into());
        self.tasks.run();
        self.bury();
        self.read_stream();
        while !self.queue.is_empty() {
            let batch = self.queue.drain(..self.queue.len().min(10)).collect();
            self.begin_batch(batch);
            self.tasks.run();
            self.bury();
        }
        for turn in 0.. {
            self.sweep();
            self.tasks.run();
            let open = |user: &signup_service::user::User| {
                user.untold.is_some() || user.mail.as_ref().is_some_and(|mail| mail.is_open())
            };
            let due = self.store.users().iter().filter(|user| open(user)).filter_map(|user| user.due_at()).min();
            if self.store.farewells_left() == 0 && self.store.users().iter().all(|user| !open(user)) {
                break;
            }
            let stuck = || self.store.users().into_iter().find(open).map(|user| brief(Some(&user)));
            self.world.check(turn < 100, || format!("b: a mail stays open for good: {:?}", stuck()));
            // A minute later the next sweep; once there is nothing to do for hours, the next thing to do.
            let wait = due.map_or(60_000, |due| due.as_millisecond() - self.world.now().as_millisecond());
            self.tasks.pass(if turn < 5 { 60_000 } else { wait.max(60_000) });
        }
        // Until whoever was lost in the middle of counting is overdue, by whatever clock.
        let slack = self.faulty(Who::Operator).with(|witness| witness.slack);
        self.tasks.pass(i64::from(OVERDUE + slack + 1) * 1_000);
        // What the stream loses of a digest comes again with the next sweep.
        for _ in 0..10 {
            self.sweep();
            self.tasks.run();
            self.read_stream();
            let batch: Vec<_> = self.queue.drain(..).collect();
            for part in batch.chunks(10) {
                self.begin_batch(part.to_vec());
                self.tasks.run();
            }
            self.bury();
        }
        self.settle_everybody();
        let country = country_field(&self.config);
        self.faulty(Who::Operator).with(|witness| witness.at_rest(country));
    }

    /// What the stream lost for good is counted by a recount.
    fn settle_everybody(&mut self) {
        let users = self.store.users();
        let change = |user| Change { event: "x".into(), sequence: "x".into(), what: What::User(Box::new(user)) };
        self.begin_batch(users.into_iter().map(change).collect());
        self.tasks.run();
        self.bury();
        let lost = self.faulty(Who::Operator).with(|witness| witness.lost());
        let (mut counted, expected) = (Sums::default(), Sums::default());
        lost.iter().for_each(|tally: &Tally| counted.add_tally(tally));
        crate::world::at_once(self.store.adjust(&Delta::outside(&counted, &counted, &expected))).expect("memory");
    }
}
