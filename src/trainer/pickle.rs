//! A reader of pickles that hold tensors by their names, and of nothing else: it executes nothing.
//!
//! A pickle is a program for a machine with a stack (<https://github.com/python/cpython/blob/main/Lib/pickletools.py>). This
//! machine knows the operations that `torch.save(model.state_dict())` uses and the names in [`Global`]; at any other it ends.

use super::excerpt::excerpt;
use super::pickle_objects::{Global, Pickled, Storage, Value};
use std::collections::HashMap;
use std::rc::Rc;

/// Operations beyond which no state dict goes: a tensor takes fifty.
const MAX_STEPS: usize = 2_000_000;

/// What a pickle left behind.
#[derive(Debug, Default)]
pub(super) struct Machine<'a> {
    rest: &'a [u8],
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    dicts: Vec<Vec<(Value, Value)>>,
    lists: Vec<Vec<Value>>,
    /// Every storage by its key.
    pub(super) storages: HashMap<String, Rc<Storage>>,
}

/// Whether there is more to do.
enum Next {
    Go,
    Stop,
}

impl<'a> Machine<'a> {
    /// A machine before these bytes.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            ..Self::default()
        }
    }

    /// Bytes that no pickle has read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Reads the next pickle, and returns what it is.
    ///
    /// # Errors
    /// An operation or a name is not known, or the bytes end.
    pub(super) fn run(&mut self) -> Result<Value, String> {
        self.stack.clear();
        self.marks.clear();
        self.memo.clear();
        for _ in 0..MAX_STEPS {
            if matches!(self.step()?, Next::Stop) {
                return self.pop();
            }
        }
        Err(format!("its pickle has more than {MAX_STEPS} operations"))
    }

    /// The pairs of a dict.
    pub(super) fn dict(&self, value: &Value) -> Option<&[(Value, Value)]> {
        match value {
            Value::Dict(number) => self.dicts.get(*number).map(Vec::as_slice),
            _ => None,
        }
    }

    /// The items of a list.
    pub(super) fn list(&self, value: &Value) -> Option<&[Value]> {
        match value {
            Value::List(number) => self.lists.get(*number).map(Vec::as_slice),
            _ => None,
        }
    }

    /// The tensors of a dict by their names; what else stands in it is left out.
    ///
    /// # Errors
    /// It is no dict, or has none.
    pub(super) fn tensors(&self, value: &Value) -> Result<Vec<(String, Rc<Pickled>)>, String> {
        let pairs = self.dict(value).ok_or("it holds no dict")?;
        let tensors = pairs.iter().filter_map(|pair| match pair {
            (Value::Text(name), Value::Tensor(tensor)) => Some(((**name).to_owned(), Rc::clone(tensor))),
            _ => None,
        });
        let tensors: Vec<_> = tensors.collect();
        if tensors.is_empty() {
            return Err("it holds no tensors by their names, as model.state_dict() does".into());
        }
        Ok(tensors)
    }

    /// One operation.
    fn step(&mut self) -> Result<Next, String> {
        let operation = self.u8()?;
        match operation {
            b'.' => return Ok(Next::Stop),
            0x80 => self.protocol()?,
            0x95 => self.take(8).map(|_| ())?,
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.stack.push(Value::None),
            0x88 => self.stack.push(Value::Bool(true)),
            0x89 => self.stack.push(Value::Bool(false)),
            b'J' | b'K' | b'M' | 0x8a => self.number(operation)?,
            b'X' | 0x8c => self.text(operation)?,
            b'q' | b'r' | 0x94 => self.remember(operation)?,
            b'h' | b'j' => self.recall(operation)?,
            b'c' | 0x93 => self.global(operation)?,
            b')' | b't' | 0x85..=0x87 => self.tuple(operation)?,
            b'}' => self.new_dict(),
            b']' => {
                self.stack.push(Value::List(self.lists.len()));
                self.lists.push(Vec::new());
            }
            b's' | b'u' => self.set(operation)?,
            b'a' | b'e' => self.append(operation)?,
            b'Q' => self.persistent()?,
            b'R' => self.call()?,
            b'b' => self.build()?,
            other => {
                return Err(format!(
                    "it has the operation {}, which is no part of a state dict",
                    name_of(other)
                ));
            }
        }
        Ok(Next::Go)
    }

    fn protocol(&mut self) -> Result<(), String> {
        match self.u8()? {
            2..=5 => Ok(()),
            other => Err(format!("its pickle has the protocol {other}")),
        }
    }

    fn number(&mut self, operation: u8) -> Result<(), String> {
        let n = match operation {
            b'K' => 1,
            b'M' => 2,
            b'J' => 4,
            _ => usize::from(self.u8()?),
        };
        let bytes = self.take(n)?;
        if n > 8 {
            return Err("a number has more than 64 bits".into());
        }
        let negative = bytes.last().is_some_and(|byte| *byte >= 0x80) && matches!(operation, b'J' | 0x8a);
        let mut whole = [if negative { 0xff } else { 0 }; 8];
        whole[..n].copy_from_slice(bytes);
        self.stack.push(Value::Int(i64::from_le_bytes(whole)));
        Ok(())
    }

    fn text(&mut self, operation: u8) -> Result<(), String> {
        let n = match operation {
            b'X' => self.u32()? as usize,
            _ => usize::from(self.u8()?),
        };
        let text = std::str::from_utf8(self.take(n)?).map_err(|_| "a text in it is not UTF-8")?;
        self.stack.push(Value::Text(text.into()));
        Ok(())
    }

    fn remember(&mut self, operation: u8) -> Result<(), String> {
        let number = match operation {
            b'q' => self.u8()?.into(),
            b'r' => self.u32()?,
            _ => self.memo.len() as u32,
        };
        let value = self.stack.last().ok_or_else(empty)?.clone();
        self.memo.insert(number, value);
        Ok(())
    }

    fn recall(&mut self, operation: u8) -> Result<(), String> {
        let number = match operation {
            b'h' => self.u8()?.into(),
            _ => self.u32()?,
        };
        let value = self.memo.get(&number).ok_or("it recalls what it never had")?;
        self.stack.push(value.clone());
        Ok(())
    }

    fn global(&mut self, operation: u8) -> Result<(), String> {
        let global = if operation == b'c' {
            let (module, name) = (self.line()?, self.line()?);
            Global::find(module, name)?
        } else {
            match (self.pop()?, self.pop()?) {
                (Value::Text(name), Value::Text(module)) => Global::find(&module, &name)?,
                _ => return Err("it refers to something without a name".into()),
            }
        };
        self.stack.push(Value::Global(global));
        Ok(())
    }

    fn tuple(&mut self, operation: u8) -> Result<(), String> {
        let items = match operation {
            b')' => Vec::new(),
            b't' => self.since_mark()?,
            _ => self.last(usize::from(operation - 0x84))?,
        };
        self.stack.push(Value::tuple(items)?);
        Ok(())
    }

    fn new_dict(&mut self) {
        self.stack.push(Value::Dict(self.dicts.len()));
        self.dicts.push(Vec::new());
    }

    fn set(&mut self, operation: u8) -> Result<(), String> {
        let items = match operation {
            b's' => self.last(2)?,
            _ => self.since_mark()?,
        };
        let Some(Value::Dict(number)) = self.stack.last() else {
            return Err("it sets an item of something that is no dict".into());
        };
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            self.dicts[*number].push((key, value));
        }
        Ok(())
    }

    fn append(&mut self, operation: u8) -> Result<(), String> {
        let items = match operation {
            b'a' => self.last(1)?,
            _ => self.since_mark()?,
        };
        let Some(Value::List(number)) = self.stack.last() else {
            return Err("it appends to something that is no list".into());
        };
        self.lists[*number].extend(items);
        Ok(())
    }

    fn persistent(&mut self) -> Result<(), String> {
        let found = self.pop()?.storage()?;
        let storage = match self.storages.get(&found.key) {
            Some(known) if known.element == found.element && known.n == found.n => Rc::clone(known),
            Some(_) => return Err(format!("the storage {} has two forms", excerpt(&found.key))),
            None => Rc::new(found),
        };
        self.storages.insert(storage.key.clone(), Rc::clone(&storage));
        self.stack.push(Value::Storage(storage));
        Ok(())
    }

    /// What is called is known, so nothing is executed.
    fn call(&mut self) -> Result<(), String> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let (Value::Global(callee), Value::Tuple(arguments, _)) = (callee, arguments) else {
            return Err("it calls something that can't be called".into());
        };
        match (callee, &arguments[..]) {
            (Global::OrderedDict, []) => self.new_dict(),
            (Global::Tensor, arguments) => self.stack.push(Value::tensor(arguments)?),
            (Global::Parameter, [tensor @ Value::Tensor(_), ..]) => self.stack.push(tensor.clone()),
            _ => {
                return Err(format!(
                    "it calls {callee:?} with other arguments than torch does"
                ));
            }
        }
        Ok(())
    }

    /// Attributes of a state dict say which version of each module wrote it: nothing that a parameter depends on.
    fn build(&mut self) -> Result<(), String> {
        self.pop()?;
        match self.stack.last() {
            Some(Value::Dict(_)) => Ok(()),
            _ => Err("it gives attributes to something that is no dict".into()),
        }
    }

    fn pop(&mut self) -> Result<Value, String> {
        self.stack.pop().ok_or_else(empty)
    }

    fn last(&mut self, n: usize) -> Result<Vec<Value>, String> {
        let at = self.stack.len().checked_sub(n).ok_or_else(empty)?;
        Ok(self.stack.split_off(at))
    }

    fn since_mark(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or_else(empty)?))
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or("its pickle is cut off")?;
        self.rest = rest;
        Ok(taken)
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let end = self.rest.iter().take(1000).position(|byte| *byte == b'\n');
        let line = self.take(end.ok_or("a name in its pickle does not end")?)?;
        self.take(1)?;
        std::str::from_utf8(line).map_err(|_| "a name in it is not UTF-8".to_owned())
    }

    fn u8(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into().unwrap_or_default()))
    }
}

fn empty() -> String {
    "its pickle takes more than it has".to_owned()
}

/// What pickletools calls operations that are refused.
fn name_of(operation: u8) -> String {
    let name = match operation {
        b'i' => "INST",
        b'o' => "OBJ",
        0x81 => "NEWOBJ",
        0x92 => "NEWOBJ_EX",
        0x82..=0x84 => "EXT",
        b'P' => "PERSID",
        b'G' | b'F' => "FLOAT",
        b'I' | b'L' | 0x8b => "INT or LONG",
        b'S' | b'T' | b'U' | b'V' | 0x8d => "STRING or UNICODE",
        b'B' | b'C' | 0x8e | 0x96 => "BYTES",
        b'0' | b'1' => "POP",
        b'2' => "DUP",
        b'd' | b'l' => "DICT or LIST",
        b'g' | b'p' => "GET or PUT",
        0x8f..=0x91 => "SET",
        0x97 | 0x98 => "BUFFER",
        other => return format!("0x{other:02x}"),
    };
    name.to_owned()
}
