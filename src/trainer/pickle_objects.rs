//! What stands in a pickle of tensors: values, and the few things that it may name or call.

use super::excerpt::excerpt;
use super::stored_tensor::View;
use std::rc::Rc;
use tch::Kind;

/// Tuples in tuples beyond which none goes: a tensor's shape stands in two.
const MAX_DEPTH: u8 = 8;

/// A value. Dicts and lists are places in the machine's own lists, so whatever refers to itself ends nowhere.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// None.
    None,
    /// True or False.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(Rc<str>),
    /// A tuple, and how deep it goes.
    Tuple(Rc<[Value]>, u8),
    /// A dict by its number.
    Dict(usize),
    /// A list by its number.
    List(usize),
    /// One of the names that are known.
    Global(Global),
    /// Bytes of numbers.
    Storage(Rc<Storage>),
    /// A tensor over such bytes.
    Tensor(Rc<Pickled>),
}

/// A name that a pickle may refer to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Global {
    /// collections.OrderedDict
    OrderedDict,
    /// `torch._utils._rebuild_tensor_v2`
    Tensor,
    /// `torch._utils._rebuild_parameter`
    Parameter,
    /// torch.FloatStorage and the like.
    Storage(Element),
}

/// What a storage is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Element {
    /// Real numbers.
    Real(Kind),
    /// Whole numbers or truth values of so many bytes: no parameter.
    Other(u64),
}

impl Element {
    /// Bytes of one.
    pub(super) fn bytes(self) -> u64 {
        match self {
            Self::Real(kind) => kind.elt_size_in_bytes() as u64,
            Self::Other(bytes) => bytes,
        }
    }
}

/// Numbers that stand outside the pickle.
#[derive(Debug)]
pub(super) struct Storage {
    /// What it is called there.
    pub(super) key: String,
    /// What it is made of.
    pub(super) element: Element,
    /// How many there are.
    pub(super) n: u64,
}

/// A tensor.
#[derive(Debug)]
pub(super) struct Pickled {
    /// Its numbers, among others.
    pub(super) storage: Rc<Storage>,
    /// Which of them.
    pub(super) view: View,
}

impl Global {
    /// By its module and name.
    ///
    /// # Errors
    /// It is none of those that a state dict needs.
    pub(super) fn find(module: &str, name: &str) -> Result<Self, String> {
        let element = match (module, name) {
            ("collections", "OrderedDict") => return Ok(Self::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => return Ok(Self::Tensor),
            ("torch._utils", "_rebuild_parameter") => return Ok(Self::Parameter),
            ("torch", "DoubleStorage") => Element::Real(Kind::Double),
            ("torch", "FloatStorage") => Element::Real(Kind::Float),
            ("torch", "HalfStorage") => Element::Real(Kind::Half),
            ("torch", "BFloat16Storage") => Element::Real(Kind::BFloat16),
            ("torch", "LongStorage") => Element::Other(8),
            ("torch", "IntStorage") => Element::Other(4),
            ("torch", "ShortStorage") => Element::Other(2),
            ("torch", "CharStorage" | "ByteStorage" | "BoolStorage") => Element::Other(1),
            _ => {
                let name = excerpt(&format!("{module}.{name}"));
                return Err(format!("it refers to {name}, which is no part of a state dict"));
            }
        };
        Ok(Self::Storage(element))
    }
}

impl Value {
    /// A tuple of these.
    ///
    /// # Errors
    /// It goes too deep.
    pub(super) fn tuple(items: Vec<Self>) -> Result<Self, String> {
        let inner = items.iter().map(|item| match item {
            Self::Tuple(_, depth) => *depth,
            _ => 0,
        });
        let depth = inner.max().unwrap_or(0) + 1;
        if depth > MAX_DEPTH {
            return Err("its tuples go too deep".into());
        }
        Ok(Self::Tuple(items.into(), depth))
    }

    /// What the arguments of `torch._utils._rebuild_tensor_v2` make.
    ///
    /// # Errors
    /// They are others than torch writes.
    pub(super) fn tensor(arguments: &[Self]) -> Result<Self, String> {
        let [
            Self::Storage(storage),
            Self::Int(offset),
            Self::Tuple(shape, _),
            Self::Tuple(strides, _),
            ..,
        ] = arguments
        else {
            return Err("a tensor is made of something else than its storage and shape".into());
        };
        let numbers = |values: &[Self]| {
            let numbers = values.iter().map(|value| match value {
                Self::Int(n) => Ok(*n),
                _ => Err("a tensor's shape is made of something else than numbers".to_owned()),
            });
            numbers.collect::<Result<Vec<i64>, String>>()
        };
        Ok(Self::Tensor(Rc::new(Pickled {
            storage: Rc::clone(storage),
            view: View {
                offset: *offset,
                shape: numbers(shape)?,
                strides: numbers(strides)?,
            },
        })))
    }

    /// The storage that a persistent id names: ("storage", its type, its key, its device, how many numbers it has).
    ///
    /// # Errors
    /// It names something else.
    pub(super) fn storage(&self) -> Result<Storage, String> {
        let wrong = || "it refers to something outside that is no storage".to_owned();
        let Self::Tuple(items, _) = self else {
            return Err(wrong());
        };
        let [
            Self::Text(what),
            Self::Global(Global::Storage(element)),
            Self::Text(key),
            Self::Text(_),
            Self::Int(n),
            view @ ..,
        ] = &items[..]
        else {
            return Err(wrong());
        };
        if &**what != "storage" || !matches!(view, [] | [Self::None]) {
            return Err(wrong());
        }
        Ok(Storage {
            key: (**key).to_owned(),
            element: *element,
            n: u64::try_from(*n).map_err(|_| wrong())?,
        })
    }
}
