//! Python's pickle, read without running anything: a pickle is a program for a stack machine that may call any function
//! by name; here a call is made only of the few constructors that PyTorch's `save` writes for tensors, and every other
//! call becomes an [`Value::Opaque`] that holds its name.

use super::array::DType;
use indexmap::IndexMap;

/// Number of a value in its [`Pickle`].
pub type Id = usize;

/// A value of a pickle. Containers hold numbers, as one value may stand in several places.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Python's None.
    None,
    /// A bool.
    Bool(bool),
    /// An integer that fits 64 bits.
    Int(i64),
    /// A float of 64 bits.
    Float(f64),
    /// A string.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list or a set.
    List(Vec<Id>),
    /// A tuple.
    Tuple(Vec<Id>),
    /// Keys and values, in order.
    Dict(Vec<(Id, Id)>),
    /// `module name`, a class or function that is only named.
    Global(String),
    /// A flat piece of memory.
    Storage(Storage),
    /// A tensor's view of one.
    Tensor(View),
    /// What a call would have made, by the name of what was called.
    Opaque(String),
}

/// A flat piece of memory that tensors look into.
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    /// None: a type that totc cannot read.
    pub dtype: Option<DType>,
    /// The class, such as `FloatStorage`.
    pub class: String,
    /// Where the file keeps its bytes.
    pub key: String,
    /// Elements.
    pub len: usize,
}

/// A tensor: elements of a storage by offset and strides, both in elements.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Where its elements lie.
    pub storage: Storage,
    /// The first element.
    pub offset: usize,
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// Steps between neighbours along each axis.
    pub strides: Vec<usize>,
}

/// One pickle that has been read.
#[derive(Clone, Debug)]
pub struct Pickle {
    values: Vec<Value>,
    root: Id,
    /// Bytes that it took.
    pub length: usize,
}

impl Pickle {
    /// What the pickle is of.
    pub fn root(&self) -> &Value {
        self.get(self.root)
    }

    /// The value of a number; `None` for a number that it lacks.
    pub fn get(&self, id: Id) -> &Value {
        self.values.get(id).unwrap_or(&Value::None)
    }

    /// Everything that the pickle made on its way.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The string of a number; None where it is none.
    pub fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Reads the pickle that `bytes` begin with.
///
/// # Errors
/// Bytes that are no pickle, or one of a protocol that PyTorch does not write.
pub fn read(bytes: &[u8]) -> Result<Pickle, String> {
    let mut machine = Machine {
        bytes,
        at: 0,
        values: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: IndexMap::new(),
    };
    let root = machine.run()?;
    Ok(Pickle { values: machine.values, root, length: machine.at })
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: IndexMap<u64, Id>,
}

type Step<T> = Result<T, String>;

impl Machine<'_> {
    fn run(&mut self) -> Step<Id> {
        loop {
            let at = self.at;
            let code = self.byte()?;
            if code == b'.' {
                return self.pop();
            }
            self.step(code).map_err(|what| format!("{what} (at byte {at} of the pickle)"))?;
        }
    }

    fn step(&mut self, code: u8) -> Step<()> {
        match code {
            0x80 => drop(self.byte()?),
            0x95 => drop(self.take(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.since_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'I' => {
                let line = self.line()?;
                self.push(match line.as_str() {
                    "00" => Value::Bool(false),
                    "01" => Value::Bool(true),
                    number => Value::Int(number.parse().map_err(|_| "a number that is none".to_owned())?),
                });
            }
            b'J' => {
                let number = i32::from_le_bytes(self.fixed()?);
                self.push(Value::Int(number.into()));
            }
            b'K' => {
                let number = self.byte()?;
                self.push(Value::Int(number.into()));
            }
            b'M' => {
                let number = u16::from_le_bytes(self.fixed()?);
                self.push(Value::Int(number.into()));
            }
            0x8a => {
                let length = self.byte()? as usize;
                self.long(length)?;
            }
            0x8b => {
                let length = self.length4()?;
                self.long(length)?;
            }
            b'G' => {
                let number = f64::from_be_bytes(self.fixed()?);
                self.push(Value::Float(number));
            }
            b'U' => {
                let length = self.byte()? as usize;
                self.text(length)?;
            }
            b'X' | b'T' => {
                let length = self.length4()?;
                self.text(length)?;
            }
            0x8c => {
                let length = self.byte()? as usize;
                self.text(length)?;
            }
            0x8d => {
                let length = self.length8()?;
                self.text(length)?;
            }
            b'C' => {
                let length = self.byte()? as usize;
                self.raw(length)?;
            }
            b'B' => {
                let length = self.length4()?;
                self.raw(length)?;
            }
            0x8e | 0x96 => {
                let length = self.length8()?;
                self.raw(length)?;
            }
            b']' | 0x8f => self.push(Value::List(Vec::new())),
            b'l' | 0x91 => {
                let items = self.since_mark()?;
                self.push(Value::List(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.extend(vec![item])?;
            }
            b'e' | 0x90 => {
                let items = self.since_mark()?;
                self.extend(items)?;
            }
            b')' => self.push(Value::Tuple(Vec::new())),
            b't' => {
                let items = self.since_mark()?;
                self.push(Value::Tuple(items));
            }
            0x85..=0x87 => {
                let count = usize::from(code - 0x84);
                let start = self.stack.len().checked_sub(count).ok_or_else(ends_early)?;
                let items = self.stack.split_off(start);
                self.push(Value::Tuple(items));
            }
            b'}' => self.push(Value::Dict(Vec::new())),
            b'd' => {
                let items = self.since_mark()?;
                self.push(Value::Dict(pairs(&items)));
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.insert(vec![key, value])?;
            }
            b'u' => {
                let items = self.since_mark()?;
                self.insert(items)?;
            }
            b'q' => {
                let place = self.byte()?;
                self.remember(place.into())?;
            }
            b'r' => {
                let place = u32::from_le_bytes(self.fixed()?);
                self.remember(place.into())?;
            }
            0x94 => self.remember(self.memo.len() as u64)?,
            b'h' => {
                let place = self.byte()?;
                self.recall(place.into())?;
            }
            b'j' => {
                let place = u32::from_le_bytes(self.fixed()?);
                self.recall(place.into())?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Value::Global(format!("{module} {name}")));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let word = |id: Id| match self.get(id) {
                    Value::Text(text) => text.clone(),
                    _ => "?".to_owned(),
                };
                let name = format!("{} {}", word(module), word(name));
                self.push(Value::Global(name));
            }
            b'R' | 0x81 => {
                let (args, callee) = (self.pop()?, self.pop()?);
                let made = self.call(callee, args);
                self.push(made);
            }
            0x92 => {
                let (_, args, callee) = (self.pop()?, self.pop()?, self.pop()?);
                let made = self.call(callee, args);
                self.push(made);
            }
            b'b' => drop(self.pop()?),
            b'Q' => {
                let id = self.pop()?;
                let storage = self.storage(id);
                self.push(storage);
            }
            other => return Err(format!("the instruction 0x{other:02x}, which PyTorch does not write")),
        }
        Ok(())
    }

    fn push(&mut self, value: Value) {
        self.values.push(value);
        self.stack.push(self.values.len() - 1);
    }

    fn pop(&mut self) -> Step<Id> {
        self.stack.pop().ok_or_else(ends_early)
    }

    fn top(&self) -> Step<Id> {
        self.stack.last().copied().ok_or_else(ends_early)
    }

    fn get(&self, id: Id) -> &Value {
        self.values.get(id).unwrap_or(&Value::None)
    }

    fn since_mark(&mut self) -> Step<Vec<Id>> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len()).ok_or_else(ends_early)?;
        Ok(self.stack.split_off(mark))
    }

    fn take(&mut self, length: usize) -> Step<&[u8]> {
        let end =
            self.at.checked_add(length).filter(|end| *end <= self.bytes.len()).ok_or_else(ends_early)?;
        let taken = self.bytes.get(self.at..end).ok_or_else(ends_early)?;
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Step<u8> {
        Ok(self.fixed::<1>()?[0])
    }

    fn fixed<const N: usize>(&mut self) -> Step<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| ends_early())
    }

    fn length4(&mut self) -> Step<usize> {
        Ok(u32::from_le_bytes(self.fixed()?) as usize)
    }

    fn length8(&mut self) -> Step<usize> {
        usize::try_from(u64::from_le_bytes(self.fixed()?)).map_err(|_| ends_early())
    }

    fn line(&mut self) -> Step<String> {
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        let length = rest.iter().position(|byte| *byte == b'\n').ok_or_else(ends_early)?;
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.at += 1;
        Ok(text)
    }

    fn text(&mut self, length: usize) -> Step<()> {
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.push(Value::Text(text));
        Ok(())
    }

    fn raw(&mut self, length: usize) -> Step<()> {
        let bytes = self.take(length)?.to_vec();
        self.push(Value::Bytes(bytes));
        Ok(())
    }

    /// Integers of any length; those beyond 64 bits stay bytes.
    fn long(&mut self, length: usize) -> Step<()> {
        let bytes = self.take(length)?.to_vec();
        if length > 8 {
            self.push(Value::Bytes(bytes));
            return Ok(());
        }
        let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
        let mut wide = if negative { [0xff; 8] } else { [0; 8] };
        wide.iter_mut().zip(&bytes).for_each(|(to, from)| *to = *from);
        self.push(Value::Int(i64::from_le_bytes(wide)));
        Ok(())
    }

    fn extend(&mut self, items: Vec<Id>) -> Step<()> {
        let top = self.top()?;
        // Onto an object that was never made there is nothing to add.
        if let Some(Value::List(list)) = self.values.get_mut(top) {
            list.extend(items);
        }
        Ok(())
    }

    fn insert(&mut self, items: Vec<Id>) -> Step<()> {
        let top = self.top()?;
        if let Some(Value::Dict(entries)) = self.values.get_mut(top) {
            entries.extend(pairs(&items));
        }
        Ok(())
    }

    fn remember(&mut self, place: u64) -> Step<()> {
        let top = self.top()?;
        self.memo.insert(place, top);
        Ok(())
    }

    fn recall(&mut self, place: u64) -> Step<()> {
        let id = self.memo.get(&place).copied().ok_or("a value that was never remembered")?;
        self.stack.push(id);
        Ok(())
    }

    /// The few calls that are known by name; anything else is not made.
    fn call(&self, callee: Id, args: Id) -> Value {
        let Value::Global(name) = self.get(callee) else { return Value::Opaque("a call".to_owned()) };
        let args: &[Id] = match self.get(args) {
            Value::Tuple(args) => args,
            _ => &[],
        };
        let made = match (name.as_str(), args) {
            ("collections OrderedDict", []) => Some(Value::Dict(Vec::new())),
            ("collections OrderedDict", [items]) => self.dict_of(*items),
            ("torch Size", [items]) => Some(self.get(*items).clone()),
            (
                "torch._utils _rebuild_tensor_v2" | "torch._utils _rebuild_tensor",
                [storage, offset, shape, strides, ..],
            ) => self.tensor(*storage, *offset, *shape, *strides),
            (
                "torch._utils _rebuild_parameter" | "torch._utils _rebuild_parameter_with_state",
                [tensor, ..],
            ) => Some(self.get(*tensor).clone()),
            // A subclass of tensor: what its own constructor gets makes the tensor. Nested ones are not written.
            ("torch._tensor _rebuild_from_type_v2", [inner, _, args, ..])
                if *self.get(*inner) != *self.get(callee) =>
            {
                Some(self.call(*inner, *args))
            }
            _ => None,
        };
        made.unwrap_or_else(|| Value::Opaque(name.replace(' ', ".")))
    }

    fn dict_of(&self, items: Id) -> Option<Value> {
        let Value::List(items) = self.get(items) else { return None };
        let pair = |id: &Id| match self.get(*id) {
            Value::Tuple(pair) | Value::List(pair) => <[Id; 2]>::try_from(pair.as_slice()).ok(),
            _ => None,
        };
        items
            .iter()
            .map(|id| pair(id).map(|[key, value]| (key, value)))
            .collect::<Option<_>>()
            .map(Value::Dict)
    }

    fn tensor(&self, storage: Id, offset: Id, shape: Id, strides: Id) -> Option<Value> {
        let Value::Storage(storage) = self.get(storage) else { return None };
        let (shape, strides) = (self.sizes(shape)?, self.sizes(strides)?);
        let Value::Int(offset) = self.get(offset) else { return None };
        let offset = usize::try_from(*offset).ok()?;
        Some(Value::Tensor(View { storage: storage.clone(), offset, shape, strides }))
    }

    fn sizes(&self, id: Id) -> Option<Vec<usize>> {
        let (Value::Tuple(items) | Value::List(items)) = self.get(id) else { return None };
        let size = |id: &Id| match self.get(*id) {
            Value::Int(size) => usize::try_from(*size).ok(),
            _ => None,
        };
        items.iter().map(size).collect()
    }

    /// `('storage', class, key, device, elements[, view])`, as `torch.save` names storages.
    fn storage(&self, id: Id) -> Value {
        let unknown = || Value::Opaque("an object outside the pickle".to_owned());
        let Value::Tuple(parts) = self.get(id) else { return unknown() };
        let [kind, class, key, _, len, view @ ..] = parts.as_slice() else { return unknown() };
        let (Value::Text(kind), Value::Global(class), Value::Text(key), Value::Int(len)) =
            (self.get(*kind), self.get(*class), self.get(*key), self.get(*len))
        else {
            return unknown();
        };
        if kind != "storage" || view.iter().any(|id| *self.get(*id) != Value::None) {
            return unknown();
        }
        let class = class.rsplit(' ').next().unwrap_or(class).to_owned();
        let Ok(len) = usize::try_from(*len) else { return unknown() };
        Value::Storage(Storage { dtype: DType::of_storage(&class), class, key: key.clone(), len })
    }
}

fn pairs(items: &[Id]) -> Vec<(Id, Id)> {
    items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

fn ends_early() -> String {
    "it ends too early".to_owned()
}
