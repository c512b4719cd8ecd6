//! The components of the tests: `guests/rogue`, which is built once per run of the tests, and tiny
//! ones in WAT.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const TARGET: &str = "wasm32-unknown-unknown";

/// The transform that misbehaves on command, in each world of the contract.
pub(crate) struct Rogue {
    /// World `transform`: one record at a time.
    pub(crate) by_record: Vec<u8>,
    /// World `transform-batch`: exports the batch call too.
    pub(crate) by_batch: Vec<u8>,
    /// World `transform-fields`: fields in, edits out, and nothing else. Its commands are JSON.
    pub(crate) by_fields: Vec<u8>,
    /// World `transform-all`: `by_batch` and `by_fields` in one component. They have different commands, so the
    /// outcome shows which one the host called.
    pub(crate) by_all: Vec<u8>,
}

pub(crate) fn rogue() -> &'static Rogue {
    static ROGUE: OnceLock<Rogue> = OnceLock::new();
    ROGUE.get_or_init(|| Rogue {
        by_record: build_rogue("by_record", &[]),
        by_batch: build_rogue("by_batch", &["--features", "batch"]),
        by_fields: build_rogue(
            "by_fields",
            &["--no-default-features", "--features", "fields"],
        ),
        by_all: build_rogue("by_all", &["--features", "batch,fields"]),
    })
}

/// The contract, and the crate of this test.
fn host() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs plain cargo in a folder. Its target folder is kept between runs of the tests.
pub(crate) fn cargo(folder: &Path, args: &[&str], target_dir: &Path) {
    let cargo = env::var_os("CARGO").unwrap_or("cargo".into());
    let output = Command::new(cargo)
        .args(args)
        .arg("--target-dir")
        .arg(target_dir)
        .current_dir(folder)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .output()
        .expect("cargo starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {args:?} fails:\n{stderr}");
}

fn build_rogue(name: &str, features: &[&str]) -> Vec<u8> {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let target_dir = tmp.with_file_name("guest");
    let build = [
        "build",
        "--profile",
        "guest",
        "--locked",
        "--target",
        TARGET,
    ];
    let folder = host().join("tests/guests/rogue");
    cargo(&folder, &[&build, features].concat(), &target_dir);
    let module = fs::read(target_dir.join(TARGET).join("guest/rogue.wasm")).unwrap();
    let component = encode(&module);
    // The name is for people who inspect the folder after a failure.
    fs::write(tmp.join(format!("rogue-{name}.wasm")), &component).unwrap();
    component
}

fn encode(module: &[u8]) -> Vec<u8> {
    let encoder = ComponentEncoder::default().validate(true).module(module);
    encoder.unwrap().encode().unwrap()
}

fn contract() -> PathBuf {
    host().join("../wit")
}

/// The instructions of a tiny transform. The default drops every record.
pub(crate) struct Tiny {
    pub(crate) memory: &'static str,
    /// More parts of the module: imports, functions, tables, data.
    pub(crate) more: &'static str,
    pub(crate) start: &'static str,
    pub(crate) realloc: &'static str,
    pub(crate) configure: &'static str,
    pub(crate) describe: &'static str,
    pub(crate) transform: &'static str,
    /// The batch call, if there is one.
    pub(crate) batch: Option<&'static str>,
    /// The functions of `fields`, if there are any. Then `transform` and `batch` are not exported.
    pub(crate) fields: Option<TinyFields>,
}

/// The instructions of `declare` and `transform-fields`.
#[derive(Clone, Copy)]
pub(crate) struct TinyFields {
    pub(crate) declare: &'static str,
    /// Gets the address of the batch, whose first word is the number of records. Has two locals.
    pub(crate) transform: &'static str,
}

impl Default for TinyFields {
    fn default() -> Self {
        Self {
            // No reads, no writes, no metadata.
            declare: "i32.const 64",
            transform: "i32.const 512",
        }
    }
}

impl Default for Tiny {
    fn default() -> Self {
        Self {
            memory: "1",
            more: "",
            start: "",
            realloc: "(global.set $free (i32.and (i32.add (global.get $free) (i32.const 15))
                                                 (i32.const -16)))
                (global.get $free)
                (global.set $free (i32.add (global.get $free) (local.get 3)))",
            // Memory from address 64 on is zero: no error, four empty strings, an empty list of
            // events.
            configure: "i32.const 64",
            describe: "i32.const 64",
            transform: "i32.const 64",
            batch: None,
            fields: None,
        }
    }
}

impl Tiny {
    pub(crate) const FOREVER: &str = "(loop $again (br $again)) unreachable";

    /// Lands each record unchanged, and runs `misdeed` on one that begins with a `b`. Its result is
    /// then at 64, with one event at 256.
    pub(crate) fn on_bad(misdeed: &str) -> Self {
        let transform = format!(
            "(i32.store8 (i32.const 64) (i32.const 0))
            (i32.store (i32.const 68) (i32.const 256)) (i32.store (i32.const 72) (i32.const 1))
            (i32.store (i32.const 256) (local.get 0)) (i32.store (i32.const 260) (local.get 1))
            (i32.store (i32.const 264) (i32.const 0)) (i32.store (i32.const 268) (i32.const 0))
            (i32.store8 (i32.const 272) (i32.const 1))
            (if (i32.eq (i32.load8_u (local.get 0)) (i32.const 98)) (then {misdeed}))
            i32.const 64"
        );
        Self {
            transform: transform.leak(),
            ..Self::default()
        }
    }

    /// The same, but the event of each record is one byte that `byte` computes.
    pub(crate) fn with_answer(self, byte: &str) -> Self {
        let transform = self.transform;
        let transform = format!(
            "{transform} (i32.store8 (i32.const 96) (block (result i32) {byte}))
            (i32.store (i32.const 256) (i32.const 96)) (i32.store (i32.const 260) (i32.const 1))"
        );
        Self {
            transform: transform.leak(),
            ..self
        }
    }

    /// Lands each record unchanged, up to 32 in a batch, and runs `misdeed` before it returns. Its result, the
    /// eight lists of an `edit-batch`, is then at 512: the counts are at 640, the one destination at 768, its
    /// indexes at 800.
    pub(crate) fn by_fields(misdeed: &str) -> Self {
        let transform = format!(
            "(memory.fill (i32.const 512) (i32.const 0) (i32.const 448))
            (local.set 1 (i32.load (local.get 0))) (local.set 2 (local.get 1))
            (if (local.get 1) (then (loop $next
                (i32.store offset=636 (i32.shl (local.get 2) (i32.const 2)) (i32.const 1))
                (br_if $next (local.tee 2 (i32.sub (local.get 2) (i32.const 1)))))))
            (i32.store (i32.const 512) (i32.const 640)) (i32.store (i32.const 516) (local.get 1))
            (i32.store (i32.const 552) (i32.const 768)) (i32.store (i32.const 556) (i32.const 1))
            (i32.store8 (i32.const 776) (i32.const 1))
            (i32.store (i32.const 560) (i32.const 800)) (i32.store (i32.const 564) (local.get 1))
            {misdeed} i32.const 512"
        );
        let fields = TinyFields {
            transform: transform.leak(),
            ..TinyFields::default()
        };
        Self {
            fields: Some(fields),
            ..Self::default()
        }
    }

    /// Declares with these instructions, which return an address. Memory from 64 on is zero: no reads, no
    /// writes, no metadata.
    pub(crate) fn declaring(declare: &'static str) -> Self {
        let fields = TinyFields {
            declare,
            ..TinyFields::default()
        };
        Self {
            fields: Some(fields),
            memory: "10",
            ..Self::default()
        }
    }

    pub(crate) fn component(&self) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(contract()).unwrap();
        self.encoded(&resolve, package)
    }

    /// The same core functions with another contract.
    pub(crate) fn component_of(&self, wit: &str) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("other.wit", wit).unwrap();
        self.encoded(&resolve, package)
    }

    fn encoded(&self, resolve: &Resolve, package: wit_parser::PackageId) -> Vec<u8> {
        let world = match (self.fields, self.batch) {
            (Some(_), _) => "transform-fields",
            (None, Some(_)) => "transform-batch",
            (None, None) => "transform",
        };
        let world = resolve.select_world(&[package], Some(world)).unwrap();
        let mut module = self.module();
        embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).unwrap();
        encode(&module)
    }

    /// The core module.
    pub(crate) fn module(&self) -> Vec<u8> {
        let Self {
            memory,
            more,
            start,
            realloc,
            configure,
            describe,
            ..
        } = self;
        let calls = self.calls();
        let text = format!(
            r#"(module
                {more}
                (memory (export "memory") {memory})
                (global $free (mut i32) (i32.const 1024))
                (func $start {start})
                (start $start)
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
                (func (export "sluice:transform/rules@1.0.0#configure")
                    (param i32 i32) (result i32) {configure})
                (func (export "sluice:transform/rules@1.0.0#describe") (result i32) {describe})
                {calls})"#
        );
        wat::parse_str(text).unwrap()
    }

    /// The functions of the exported interfaces besides `rules`.
    fn calls(&self) -> String {
        if let Some(TinyFields { declare, transform }) = self.fields {
            return format!(
                r#"(func (export "sluice:transform/fields@1.0.0#declare") (result i32) {declare})
                (func (export "sluice:transform/fields@1.0.0#transform-fields")
                    (param i32) (result i32) (local i32 i32) {transform})"#
            );
        }
        let transform = self.transform;
        let records = format!(
            r#"(func (export "sluice:transform/records@1.0.0#transform")
                (param i32 i32 i32 i32 i32 i32 i32 i32 i64) (result i32) {transform})"#
        );
        let batch = self.batch.map_or(String::new(), |batch| {
            let sixteen = "i32 ".repeat(16);
            format!(
                r#"(func (export "sluice:transform/batch@1.0.0#transform-batch")
                    (param {sixteen}) (result i32) {batch})"#
            )
        });
        records + &batch
    }
}

/// A component of 230 KB for which a compiler needs gigabytes, within seconds.
pub(crate) fn bomb() -> Vec<u8> {
    nested_loops(2_000, 20_000)
}

/// A component of 20 KB for which a compiler needs minutes, but not its limit of memory.
pub(crate) fn slow_to_compile() -> Vec<u8> {
    nested_loops(300, 2_000)
}

/// A component with nested loops, in the innermost of which every local changes, so that every loop passes on every local.
fn nested_loops(loops: usize, locals: usize) -> Vec<u8> {
    let mut text = format!("(func (param i32) (local{})\n", " i32".repeat(locals));
    text += &"loop\n".repeat(loops);
    for local in 1..=locals {
        let other = local * 7 % locals + 1;
        text += &format!("local.get {local} local.get {other} i32.add local.set {local}\n");
    }
    for depth in 0..loops {
        text += &format!("local.get {} br_if 0 end\n", depth + 1);
    }
    wat::parse_str(format!("(component (core module {text})))")).unwrap()
}
