//! Runs Argo CD's scripts in a Lua with as much in it as Argo CD gives to a script that stands in its ConfigMap.

use mlua::serde::ser::Options;
use mlua::{HookTriggers, Lua, LuaOptions, LuaSerdeExt, StdLib, VmState};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Where the scripts are, in the layout of Argo CD's own ones.
pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/gitops/argocd/tuning-operator.io");

/// A script of these.
pub fn script(path: &str) -> String {
    let path = format!("{FOLDER}/{path}");
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// What a script returns for an object.
pub fn run(script: &str, object: &Value) -> mlua::Result<Value> {
    let lua = Lua::new_with(StdLib::TABLE, LuaOptions::default())?;
    let begin = Instant::now();
    lua.set_hook(
        HookTriggers::new().every_nth_instruction(10_000),
        move |_, _| match begin.elapsed() < Duration::from_secs(1) {
            true => Ok(VmState::Continue),
            false => Err(mlua::Error::runtime("it takes longer than a second")),
        },
    )?;
    // What is null is not there, as for Argo CD.
    let options = Options::new()
        .serialize_none_to_null(false)
        .serialize_unit_to_null(false);
    lua.globals().set("obj", lua.to_value_with(object, options)?)?;
    lua.from_value(lua.load(script).eval()?)
}

/// What an action makes of an object, as the merge patch that Argo CD sends.
pub fn action(name: &str, object: &Value) -> Value {
    let script = script(&format!("TuningJob/actions/{name}/action.lua"));
    difference(object, &run(&script, object).unwrap())
}

/// The merge patch that makes one object of another; lists are one value.
fn difference(from: &Value, to: &Value) -> Value {
    let mut patch = serde_json::Map::new();
    let none = serde_json::Map::new();
    let (from, to) = (from.as_object().unwrap_or(&none), to.as_object().unwrap_or(&none));
    for field in from.keys().filter(|field| !to.contains_key(*field)) {
        patch.insert(field.clone(), Value::Null);
    }
    for (field, value) in to {
        match from.get(field) {
            Some(before) if is_same(before, value) => {}
            Some(before) if before.is_object() && value.is_object() => {
                patch.insert(field.clone(), difference(before, value));
            }
            _ => drop(patch.insert(field.clone(), value.clone())),
        }
    }
    Value::Object(patch)
}

/// Whether two values are the same to Lua, to which an empty list is an empty table and 1.0 is 1.
fn is_same(one: &Value, other: &Value) -> bool {
    let is_empty = |v: &Value| {
        v.as_array().is_some_and(Vec::is_empty) || v.as_object().is_some_and(serde_json::Map::is_empty)
    };
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(field, one)| other.get(field).is_some_and(|other| is_same(one, other)))
        }
        _ => one == other || is_empty(one) && is_empty(other),
    }
}
