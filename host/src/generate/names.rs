//! The types of events: their words, names, shapes and popularity.

use super::part::Part;
use super::rng::EventRng;
use super::shapes::{
    ANSWER, EXPOSURE, FEEDBACK, LESSON, PAYMENT, REVIEW, SESSION, SETTINGS, STREAK, TAP,
};

type Shape = &'static [Part];

/// A word of the domain, the shape of its events, and the words that can follow it in their names,
/// separated by spaces; `-` means that the word stands alone.
type Word = (&'static str, Shape, &'static str);

/// The most popular first.
const WORDS: [Word; 100] = [
    ("exercise", ANSWER, "answered skipped corrected"),
    ("lesson", LESSON, "finished failed resumed"),
    ("screen", TAP, "viewed left"),
    ("vocabulary", REVIEW, "reviewed learned"),
    ("session", SESSION, "started ended"),
    ("streak", STREAK, "extended frozen lost"),
    ("experiment", EXPOSURE, "exposed converted"),
    (
        "payment",
        PAYMENT,
        "order:completed order:created card:declined",
    ),
    ("settings", SETTINGS, "changed"),
    ("feedback", FEEDBACK, "sent"),
    ("heartbeat", TAP, "-"),
    ("review", REVIEW, "finished scheduled"),
    ("translation", ANSWER, "submitted checked"),
    ("audio", TAP, "played paused finished"),
    ("hint", TAP, "shown used"),
    ("notification", SETTINGS, "sent opened dismissed"),
    ("listening", ANSWER, "answered replayed"),
    ("goal", STREAK, "set reached daily:missed"),
    ("app", SESSION, "opened updated crash:reported"),
    ("essay", FEEDBACK, "submitted graded"),
    ("xp", STREAK, "-"),
    ("speaking", ANSWER, "recorded scored"),
    ("quiz", LESSON, "finished abandoned"),
    ("flashcard", REVIEW, "flipped rated"),
    (
        "subscription",
        PAYMENT,
        "renewed cancelled trial:started trial:ended",
    ),
    ("search", TAP, "performed"),
    ("story", LESSON, "finished chapter:read"),
    ("button", TAP, "tapped"),
    ("feature", EXPOSURE, "exposed enabled"),
    ("profile", SETTINGS, "updated viewed"),
    ("grammar", ANSWER, "answered explained"),
    ("league", STREAK, "joined promoted demoted"),
    ("login", SESSION, "succeeded failed"),
    ("placement", LESSON, "finished"),
    ("word", REVIEW, "seen mastered forgotten"),
    ("badge", STREAK, "earned"),
    ("advert", EXPOSURE, "shown clicked reward:granted"),
    ("push", TAP, "-"),
    ("dictation", ANSWER, "answered"),
    ("checkout", PAYMENT, "started finished coupon:applied"),
    ("chapter", LESSON, "finished"),
    ("heart", STREAK, "lost refilled"),
    ("comment", FEEDBACK, "posted"),
    ("video", TAP, "played finished"),
    ("onboarding", SETTINGS, "finished step:shown"),
    ("sync", SESSION, "finished"),
    ("deck", REVIEW, "created finished"),
    ("tutor", LESSON, "booked call:finished"),
    ("gem", STREAK, "earned spent"),
    ("keyboard", SETTINGS, "changed"),
    ("chat", ANSWER, "message:sent"),
    ("level", STREAK, "-"),
    ("invoice", PAYMENT, "issued paid"),
    ("course", LESSON, "enrolled finished"),
    ("offer", EXPOSURE, "shown accepted"),
    ("reminder", SETTINGS, "set snoozed"),
    ("pronunciation", ANSWER, "scored"),
    ("friend", TAP, "followed invited"),
    ("challenge", STREAK, "accepted won lost"),
    ("journal", FEEDBACK, "entry:written"),
    ("download", TAP, "finished"),
    ("device", SESSION, "registered"),
    ("refund", PAYMENT, "requested issued"),
    ("spelling", ANSWER, "answered"),
    ("menu", TAP, "opened"),
    ("unit", LESSON, "unlocked finished"),
    ("kanji", REVIEW, "drawn reviewed"),
    ("paywall", EXPOSURE, "shown closed"),
    ("consent", SETTINGS, "given withdrawn"),
    ("tooltip", TAP, "-"),
    ("rank", STREAK, "changed"),
    ("phrase", REVIEW, "saved reviewed"),
    ("reading", LESSON, "finished"),
    ("gift", PAYMENT, "bought redeemed"),
    ("share", TAP, "sent"),
    ("network", SESSION, "lost restored"),
    ("conjugation", ANSWER, "answered"),
    ("survey", FEEDBACK, "answered"),
    ("timer", STREAK, "expired"),
    ("banner", EXPOSURE, "shown clicked"),
    ("podcast", LESSON, "episode:finished"),
    ("theme", SETTINGS, "changed"),
    ("avatar", TAP, "changed"),
    ("character", REVIEW, "traced"),
    ("wallet", PAYMENT, "topped_up"),
    ("mistake", ANSWER, "explained practised"),
    ("crown", STREAK, "earned"),
    ("account", SETTINGS, "created deleted email:confirmed"),
    ("dialogue", LESSON, "finished"),
    ("bookmark", TAP, "added removed"),
    ("performance", SESSION, "measured"),
    ("classroom", LESSON, "joined assignment:finished"),
    ("support", FEEDBACK, "ticket:opened ticket:answered"),
    ("glossary", REVIEW, "opened"),
    ("referral", PAYMENT, "rewarded"),
    ("widget", TAP, "added"),
    ("certificate", LESSON, "issued"),
    ("sound", SETTINGS, "muted unmuted"),
    ("leaderboard", STREAK, "viewed"),
    ("forum", FEEDBACK, "thread:opened reply:posted"),
];

/// One type of event.
#[derive(Debug)]
pub(super) struct EventType {
    pub(super) shape: Shape,
    /// Whether its `created_at` has fractions of a second.
    pub(super) fractional: bool,
    names: Vec<String>,
}

/// The types of a plan, drawn with a popularity of about one over the rank (Zipf's law).
#[derive(Debug)]
pub(super) struct Names {
    types: Vec<EventType>,
    /// The cumulative popularity up to each type.
    sums: Vec<u64>,
}

impl Names {
    /// `types` is not 0.
    pub(super) fn new(types: u32) -> Self {
        let mut sum = 0;
        let sums = (0..u64::from(types)).map(|rank| {
            sum += (1 << 32) / (rank + 3);
            sum
        });
        Self {
            sums: sums.collect(),
            types: (0..types as usize).map(EventType::new).collect(),
        }
    }

    /// A type and one of its names.
    pub(super) fn draw(&self, rng: &mut EventRng) -> (&EventType, &str) {
        let last = self.sums.len() - 1;
        let drawn = rng.between(1, self.sums[last]);
        let event_type = &self.types[self.sums.partition_point(|&sum| sum < drawn)];
        (
            event_type,
            &event_type.names[rng.index(event_type.names.len())],
        )
    }
}

impl EventType {
    /// After the last word, the words are used again with a number: `lesson_2`.
    fn new(rank: usize) -> Self {
        let (word, shape, endings) = WORDS[rank % WORDS.len()];
        let first_part = match rank / WORDS.len() {
            0 => word.to_owned(),
            round => format!("{word}_{}", round + 1),
        };
        let names = endings.split(' ').map(|ending| match ending {
            "-" => first_part.clone(),
            ending => format!("{first_part}:{ending}"),
        });
        Self {
            shape,
            fractional: rank % 7 == 4,
            names: names.collect(),
        }
    }
}
