//! The shapes of events. Key order, spacing, nesting and values differ between shapes, as they do
//! between real clients.

use super::part::Part::{self, Created, Decimal, Int, Name, Pick, Prose, Raw, Repeat, Uuid};
use super::texts::{PHRASES, WORDS};

const BOOLEAN: Part = Pick(&["true", "false"]);
const FLAG: Part = Pick(&["true", "true", "false", "null"]);
const LEARNER: Part = Int(100_000, 89_999_999);
const PLATFORM: Part = Pick(&["ios", "android", "web"]);
const VERSION: Part = Pick(&["7.41.0", "7.41.2", "7.42.0", "7.42.1-beta.3", "8.0.0"]);
const COURSE: Part = Pick(&[
    "en-es", "en-ja", "es-en", "de-fr", "ar-en", "zh-en", "hi-en", "pt-it", "fr-el", "uk-pl",
]);
const COUNTRY: Part = Pick(&[
    "US", "BR", "MX", "JP", "DE", "IN", "EG", "CN", "FR", "GR", "UA",
]);
const MODEL: Part = Pick(&[
    "Pixel 9",
    "iPhone17,1",
    "SM-S921B",
    "iPad14,3",
    "Redmi Note 13",
]);
const SYSTEM: Part = Pick(&["Android 16", "iOS 19.2", "iPadOS 19.1", "Windows 11"]);

/// Above 2^53, where readers that use doubles lose digits.
const BIG_ID: Part = Int(9_007_199_254_740_993, 9_223_372_036_854_775_807);

/// A user interface event: small and flat.
pub(super) const TAP: &[Part] = &[
    Raw(r#"{"event_uuid":""#),
    Uuid,
    Raw(r#"","event_name":""#),
    Name,
    Raw(r#"","created_at":"#),
    Created,
    Raw(r#","user_id":"#),
    LEARNER,
    Raw(r#","platform":""#),
    PLATFORM,
    Raw(r#"","version":""#),
    VERSION,
    Raw(r#"","n":"#),
    Int(1, 400),
    Raw("}"),
];

/// Counters, with spaces within the braces and around the colons.
pub(super) const STREAK: &[Part] = &[
    Raw(r#"{ "event_name" : ""#),
    Name,
    Raw(r#"", "event_uuid" : ""#),
    Uuid,
    Raw(r#"", "user_id" : "#),
    LEARNER,
    Raw(r#", "days" : "#),
    Int(0, 2_000),
    Raw(r#", "change" : "#),
    Pick(&["-1", "0", "1", "1", "2", "-10"]),
    Raw(r#", "freezes" : "#),
    Int(0, 3),
    Raw(r#", "created_at" : "#),
    Created,
    Raw(" }"),
];

/// A finished lesson with its device.
pub(super) const LESSON: &[Part] = &[
    Raw(r#"{"event_uuid":""#),
    Uuid,
    Raw(r#"","event_name":""#),
    Name,
    Raw(r#"","created_at":"#),
    Created,
    Raw(r#","user_id":"#),
    LEARNER,
    Raw(r#","lesson_id":""#),
    COURSE,
    Raw("/u"),
    Int(1, 90),
    Raw("/l"),
    Int(1, 12),
    Raw(r#"","score":"#),
    Decimal(0, 1_000, 3),
    Raw(r#","mistakes":"#),
    Int(0, 14),
    Raw(r#","seconds":"#),
    Int(35, 1_400),
    Raw(r#","perfect":"#),
    BOOLEAN,
    Raw(r#","device":{"os":""#),
    SYSTEM,
    Raw(r#"","model":""#),
    MODEL,
    Raw(r#"","app":""#),
    VERSION,
    Raw(r#"","battery":"#),
    Decimal(1, 100, 2),
    Raw("}}"),
];

/// An answer in one of many scripts, before the required fields.
pub(super) const ANSWER: &[Part] = &[
    Raw(r#"{"user_id":"#),
    LEARNER,
    Raw(","),
    Pick(PHRASES),
    Raw(r#","correct":"#),
    BOOLEAN,
    Raw(r#","attempt":"#),
    Int(1, 4),
    Raw(r#","ms":"#),
    Int(600, 45_000),
    Raw(r#","event_name":""#),
    Name,
    Raw(r#"","created_at":"#),
    Created,
    Raw(r#","event_uuid":""#),
    Uuid,
    Raw(r#""}"#),
];

/// A vocabulary review: an array of objects.
pub(super) const REVIEW: &[Part] = &[
    Raw(r#"{"event_name":""#),
    Name,
    Raw(r#"","event_uuid":""#),
    Uuid,
    Raw(r#"","course":""#),
    COURSE,
    Raw(r#"","words":["#),
    Repeat(
        1,
        6,
        &[
            Raw(r#"{"w":""#),
            Pick(WORDS),
            Raw(r#"","strength":"#),
            Decimal(0, 10_000, 4),
            Raw(r#","due":"#),
            Int(1, 60),
            Raw("}"),
        ],
    ),
    Raw(r#"],"user_id":"#),
    LEARNER,
    Raw(r#","created_at":"#),
    Created,
    Raw("}"),
];

/// An order with amounts and large identifiers.
pub(super) const PAYMENT: &[Part] = &[
    Raw(r#"{"order":{"id":"#),
    BIG_ID,
    Raw(r#","amount":"#),
    Decimal(99, 23_999, 2),
    Raw(r#","tax":"#),
    Decimal(0, 3_999, 2),
    Raw(r#","currency":""#),
    Pick(&["USD", "EUR", "BRL", "JPY", "INR", "MXN"]),
    Raw(r#"","items":[{"sku":""#),
    Pick(&[
        "plus-month",
        "plus-year",
        "family-year",
        "gems-1200",
        "streak-freeze",
    ]),
    Raw(r#"","quantity":"#),
    Int(1, 3),
    Raw(r#"}],"coupon":"#),
    Pick(&["null", "null", "\"WELCOME10\"", "\"A\\u00d1O-NUEVO\""]),
    Raw(r#"},"event_uuid":""#),
    Uuid,
    Raw(r#"","created_at":"#),
    Created,
    Raw(r#","event_name":""#),
    Name,
    Raw(r#"","account_id":"#),
    BIG_ID,
    Raw(r#","country":""#),
    COUNTRY,
    Raw(r#""}"#),
];

/// Free text of one to three KiB.
pub(super) const FEEDBACK: &[Part] = &[
    Raw(r#"{"event_uuid":""#),
    Uuid,
    Raw(r#"","user_id":"#),
    LEARNER,
    Raw(r#","rating":"#),
    Pick(&["1", "2", "3", "4", "5", "5", "null"]),
    Raw(r#","text":""#),
    Prose(900, 2_700),
    Raw(r#"","contact":"#),
    BOOLEAN,
    Raw(r#","event_name":""#),
    Name,
    Raw(r#"","created_at":"#),
    Created,
    Raw("}"),
];

/// A session: values five levels deep, with spaces after colons and commas.
pub(super) const SESSION: &[Part] = &[
    Raw(r#"{"event_uuid": ""#),
    Uuid,
    Raw(r#"", "event_name": ""#),
    Name,
    Raw(r#"", "session": {"id": ""#),
    Uuid,
    Raw(r#"", "client": {"app": {"version": ""#),
    VERSION,
    Raw(r#"", "build": {"number": "#),
    Int(4_000, 4_999),
    Raw(r#", "flags": ["#),
    Pick(&[
        "",
        "\"debug\"",
        "\"beta\", \"dark\"",
        "{\"name\": \"rollout\", \"percent\": 12.5}",
    ]),
    Raw(r#"]}}, "os": ""#),
    SYSTEM,
    Raw(r#""}, "network": {"type": ""#),
    Pick(&["wifi", "5g", "lte", "offline"]),
    Raw(r#"", "rtt_ms": "#),
    Int(8, 900),
    Raw(r#"}}, "user_id": "#),
    LEARNER,
    Raw(r#", "created_at": "#),
    Created,
    Raw("}"),
];

/// Switches: booleans, nulls and empty values.
pub(super) const SETTINGS: &[Part] = &[
    Raw(r#"{"created_at":"#),
    Created,
    Raw(r#","event_name":""#),
    Name,
    Raw(r#"","event_uuid":""#),
    Uuid,
    Raw(r#"","user_id":"#),
    LEARNER,
    Raw(r#","sound":"#),
    FLAG,
    Raw(r#","dark_mode":"#),
    FLAG,
    Raw(r#","reminders":"#),
    FLAG,
    Raw(r#","reminder_time":"#),
    Pick(&["null", "\"07:30\"", "\"20:00\"", "\"\""]),
    Raw(r#","tags":"#),
    Pick(&["[]", "{}", "[null]", "[\"a/b\",\"c\\/d\"]"]),
    Raw("}"),
];

/// An experiment's variant, with numbers in exponent notation.
pub(super) const EXPOSURE: &[Part] = &[
    Raw(r#"{"event_uuid":""#),
    Uuid,
    Raw(r#"","experiment":{"key":""#),
    Pick(&[
        "paywall_copy_v3",
        "lesson_hints",
        "onboarding_order",
        "streak_repair",
        "voice_speed",
    ]),
    Raw(r#"","variant":""#),
    Pick(&["control", "a", "b", "c"]),
    Raw(r#"","bucket":"#),
    Int(0, 9_999),
    Raw(r#","weight":"#),
    Pick(&["0.5", "2.5e-1", "1E-2", "1e0", "0.3333333333333333"]),
    Raw(r#"},"event_name":""#),
    Name,
    Raw(r#"","created_at":"#),
    Created,
    Raw(r#","user_id":"#),
    LEARNER,
    Raw("}"),
];
