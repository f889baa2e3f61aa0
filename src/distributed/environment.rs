//! Who this process is among several: takes the environment of `torchrun`, of SLURM's `srun` or of `totc run --processes`, gives
//! rank, size and meeting place.

use super::DistributedError;

/// A process among several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 0; process 0 writes the run's folder.
    pub rank: usize,
    /// How many there are.
    pub size: usize,
    /// From 0 on this machine: its GPU, where it has some.
    pub local_rank: usize,
    /// How many there are at most on this machine, which share its memory.
    pub local_size: usize,
    /// Where they meet: the machine of process 0.
    pub host: String,
    /// Where they meet.
    pub port: u16,
    /// Whether this process serves the meeting place; `torchrun` may do it itself.
    pub serves: bool,
    /// Which attempt of `torchrun` or step of a SLURM job this is; those of others meet by themselves.
    pub attempt: u64,
}

/// What is missing where the environment names only a part.
const TORCHRUN: [&str; 4] = ["RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"];

impl Place {
    /// The variables that are read.
    pub const VARIABLES: [&str; 15] = [
        "RANK",
        "WORLD_SIZE",
        "LOCAL_RANK",
        "LOCAL_WORLD_SIZE",
        "MASTER_ADDR",
        "MASTER_PORT",
        "TORCHELASTIC_USE_AGENT_STORE",
        "TORCHELASTIC_RESTART_COUNT",
        "SLURM_PROCID",
        "SLURM_LOCALID",
        "SLURM_STEP_NUM_TASKS",
        "SLURM_STEP_TASKS_PER_NODE",
        "SLURM_STEP_NODELIST",
        "SLURM_STEP_ID",
        "SLURM_JOB_ID",
    ];

    /// What the environment says; None where this process is alone.
    ///
    /// # Errors
    /// Only a part of it is said, or numbers that cannot be.
    pub fn from_environment() -> Result<Option<Place>, DistributedError> {
        Place::of(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn of(get: impl Fn(&str) -> Option<String>) -> Result<Option<Place>, DistributedError> {
        let place = match (get("RANK"), get("WORLD_SIZE")) {
            (None, None) => slurm(&get)?,
            _ => Some(torchrun(&get)?),
        };
        let Some(place) = place.filter(|place| place.size > 1) else { return Ok(None) };
        if place.rank >= place.size {
            return Err(wrong(
                format!("this is process {} of {}", place.rank, place.size),
                "ranks begin at 0; let all processes have the same WORLD_SIZE",
            ));
        }
        Ok(Some(place))
    }
}

fn torchrun(get: &impl Fn(&str) -> Option<String>) -> Result<Place, DistributedError> {
    let missing: Vec<&str> = TORCHRUN.into_iter().filter(|name| get(name).is_none()).collect();
    if !missing.is_empty() {
        let there: Vec<&str> = TORCHRUN.into_iter().filter(|name| get(name).is_some()).collect();
        return Err(wrong(
            format!("the environment has {} but not {}", there.join(" and "), missing.join(" and ")),
            "start the processes by `torchrun --no-python`, which sets all of them, or unset those that are set",
        ));
    }
    let number = |name: &str| number(name, get(name));
    let agent = get("TORCHELASTIC_USE_AGENT_STORE").is_some_and(|value| value == "True");
    let or = |name: &str, default: u64| get(name).map_or(Ok(default), |_| number(name));
    let (rank, size) = (number("RANK")? as usize, number("WORLD_SIZE")?);
    Ok(Place {
        rank,
        size: size as usize,
        local_rank: or("LOCAL_RANK", 0)? as usize,
        local_size: or("LOCAL_WORLD_SIZE", size)? as usize,
        host: get("MASTER_ADDR").unwrap_or_default(),
        port: port(number("MASTER_PORT")?)?,
        serves: rank == 0 && !agent,
        attempt: or("TORCHELASTIC_RESTART_COUNT", 0)?,
    })
}

/// A step of `srun`: a batch script outside of one has no count of the step's tasks.
fn slurm(get: &impl Fn(&str) -> Option<String>) -> Result<Option<Place>, DistributedError> {
    if get("SLURM_PROCID").is_none() || get("SLURM_STEP_NUM_TASKS").is_none() {
        return Ok(None);
    }
    let number = |name: &str| number(name, get(name));
    let or = |name: &str, default: u64| get(name).map_or(Ok(default), |_| number(name));
    let nodes = get("SLURM_STEP_NODELIST").or_else(|| get("SLURM_JOB_NODELIST")).unwrap_or_default();
    let identifier = |name: &str| get(name).and_then(|id| id.parse::<u64>().ok()).unwrap_or(0);
    let step = identifier("SLURM_STEP_ID");
    // Jobs and steps that share a machine do not meet at one place.
    let meeting = identifier("SLURM_JOB_ID").wrapping_add(step.wrapping_mul(101));
    let size = number("SLURM_STEP_NUM_TASKS")?;
    Ok(Some(Place {
        rank: number("SLURM_PROCID")? as usize,
        size: size as usize,
        local_rank: or("SLURM_LOCALID", 0)? as usize,
        local_size: get("SLURM_STEP_TASKS_PER_NODE")
            .and_then(|tasks| most_tasks(&tasks))
            .unwrap_or(size as usize),
        host: get("MASTER_ADDR").unwrap_or_else(|| first_node(&nodes)),
        port: port(or("MASTER_PORT", 15_000 + meeting % 10_000)?)?,
        serves: number("SLURM_PROCID")? == 0,
        attempt: step,
    }))
}

/// 4 of `2(x3),4`: tasks of each node, in their order.
fn most_tasks(tasks: &str) -> Option<usize> {
    tasks.split(',').filter_map(|of_nodes| of_nodes.split('(').next()?.trim().parse().ok()).max()
}

/// `node07` of `node[07-09,12],other`.
fn first_node(nodes: &str) -> String {
    let (name, rest) = nodes.split_at(nodes.find(['[', ',']).unwrap_or(nodes.len()));
    match rest.strip_prefix('[') {
        Some(numbers) => {
            let first = numbers.split(['-', ',', ']']).next().unwrap_or_default();
            let behind = numbers.split_once(']').map_or("", |(_, behind)| behind);
            format!("{name}{first}{}", behind.split(',').next().unwrap_or_default())
        }
        None => name.to_owned(),
    }
}

fn number(name: &str, value: Option<String>) -> Result<u64, DistributedError> {
    let value = value.unwrap_or_default();
    value.parse().map_err(|_| wrong(format!("{name} is `{value}`"), "it must be a whole number from 0"))
}

fn port(number: u64) -> Result<u16, DistributedError> {
    u16::try_from(number).map_err(|_| wrong(format!("MASTER_PORT is {number}"), "ports end at 65535"))
}

fn wrong(what: String, fix: &str) -> DistributedError {
    DistributedError::Environment { what, fix: fix.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{Place, first_node};

    fn place(values: &[(&str, &str)]) -> Result<Option<Place>, String> {
        let get =
            |name: &str| values.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
        Place::of(get).map_err(|error| error.to_string())
    }

    #[test]
    fn torchrun_says_who_one_is() {
        assert_eq!(place(&[]), Ok(None));
        let mut all =
            vec![("RANK", "3"), ("WORLD_SIZE", "4"), ("MASTER_ADDR", "10.0.0.1"), ("MASTER_PORT", "29500")];
        let found = place(&all).ok().flatten();
        let found =
            found.as_ref().map(|place| (place.rank, place.size, place.local_rank, place.port, place.serves));
        assert_eq!(found, Some((3, 4, 0, 29500, false)));
        all.extend([("LOCAL_RANK", "1"), ("TORCHELASTIC_USE_AGENT_STORE", "True")]);
        all[0].1 = "0";
        let found = place(&all).ok().flatten();
        assert_eq!(found.map(|place| (place.rank, place.local_rank, place.serves)), Some((0, 1, false)));
        all[1].1 = "1";
        assert_eq!(place(&all), Ok(None));
    }

    #[test]
    fn half_an_environment_is_refused() {
        let error = place(&[("RANK", "0"), ("WORLD_SIZE", "2")]).err().unwrap_or_default();
        assert!(
            error.starts_with("the environment has RANK and WORLD_SIZE but not MASTER_ADDR and MASTER_PORT"),
            "{error}"
        );
        let all = [("RANK", "x"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "a"), ("MASTER_PORT", "1")];
        assert_eq!(place(&all).err().as_deref(), Some("RANK is `x`; it must be a whole number from 0"));
        let all = [("RANK", "2"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "a"), ("MASTER_PORT", "1")];
        assert!(place(&all).is_err());
    }

    #[test]
    fn a_step_of_srun_says_who_one_is() {
        let batch = [("SLURM_PROCID", "0"), ("SLURM_NTASKS", "4"), ("SLURM_JOB_ID", "123456")];
        assert_eq!(place(&batch), Ok(None), "a batch script is no step");
        let step = [
            ("SLURM_PROCID", "2"),
            ("SLURM_STEP_NUM_TASKS", "4"),
            ("SLURM_LOCALID", "0"),
            ("SLURM_JOB_ID", "123456"),
            ("SLURM_STEP_NODELIST", "node[07-09,12]"),
            ("SLURM_STEP_TASKS_PER_NODE", "1(x3),2"),
            ("SLURM_STEP_ID", "0"),
        ];
        let of = |values: &[(&str, &str)]| place(values).ok().flatten();
        let found = of(&step);
        let shown =
            found.as_ref().map(|place| (place.rank, place.host.as_str(), place.port, place.local_size));
        assert_eq!(shown, Some((2, "node07", 18_456, 2)));
        let mut next = step.to_vec();
        next.retain(|(name, _)| *name != "SLURM_STEP_ID");
        next.push(("SLURM_STEP_ID", "1"));
        let meets = |place: Option<Place>| place.map(|place| (place.port, place.attempt));
        assert_ne!(meets(of(&next)), meets(found), "two steps of one job");
    }

    #[test]
    fn the_first_of_a_list_of_nodes() {
        for (nodes, first) in
            [("a", "a"), ("a,b", "a"), ("n[3,5]", "n3"), ("n[003-017]-ib,m", "n003-ib"), ("", "")]
        {
            assert_eq!(first_node(nodes), first);
        }
    }
}
