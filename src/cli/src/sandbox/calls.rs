use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};

use super::{Layer, Network};

/// System calls that no command makes: starting programs, inspecting other processes, changing the system, giving the
/// kernel work that other rules cannot see, and changing files by name in ways that Landlock does not restrict.
const NEVER: &[c_long] = &[
    // Programs and other processes.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_setns,
    libc::SYS_unshare,
    // Work that the kernel does asynchronously, invisible to this filter.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // The system as a whole.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_personality,
    // Files by handle, device files, and owners, modes and attributes by name.
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_mknodat,
    libc::SYS_fchmodat,
    FCHMODAT2,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fanotify_init,
];

/// Since Linux 6.6; the number is the same on all architectures, and not every C library has its name.
const FCHMODAT2: c_long = 452;

/// The same, for calls that only this architecture has.
#[cfg(target_arch = "x86_64")]
const NEVER_HERE: &[c_long] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_kexec_file_load,
    libc::SYS_mknod,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
];
#[cfg(not(target_arch = "x86_64"))]
const NEVER_HERE: &[c_long] = &[];

/// What a command asks of an open file beside reading and writing: whether it is a terminal and how large, how much can be
/// read, that it waits or not, that programs do not inherit it, and the names of network cards, by which the C library
/// reads addresses. Other requests could type into the terminal (TIOCSTI), or make a file immutable. The numbers are those of
/// `asm-generic/ioctls.h` and `linux/sockios.h`, which the three architectures share.
const REQUESTS: [u32; 9] = [
    0x5401,      // TCGETS
    0x802c_542a, // TCGETS2
    0x5413,      // TIOCGWINSZ
    0x541b,      // FIONREAD
    0x5421,      // FIONBIO
    0x5451,      // FIOCLEX
    0x5450,      // FIONCLEX
    0x8910,      // SIOCGIFNAME
    0x8933,      // SIOCGIFINDEX
];

/// System calls from this number on (setxattrat, Linux 6.13) do not exist for the program, on any architecture: none is needed,
/// and what the kernel may add is not known.
const FIRST_UNKNOWN: u32 = 463;

/// The calls that create or connect sockets, or send through one that was not connected.
const SOCKETS: &[c_long] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
];

/// Those that a command does not make that accepts connections only: it would reach others by them.
const REACHING: &[c_long] = &[libc::SYS_connect, libc::SYS_socketpair, libc::SYS_sendmsg, libc::SYS_sendmmsg];
/// Those that a command does not make that connects only: others would reach it by them.
const REACHED: &[c_long] = &[libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4];

/// The kinds of sockets that a command with connections uses: the internet, local name services, and the kernel's
/// list of addresses, which the C library uses to sort resolved addresses.
const FAMILIES: [i32; 4] = [libc::AF_INET, libc::AF_INET6, libc::AF_UNIX, libc::AF_NETLINK];
/// Those of the internet: only they accept connections.
const INTERNET: [i32; 2] = [libc::AF_INET, libc::AF_INET6];
/// The bits of a socket's type without its flags, and the largest type (SOCK_PACKET).
const TYPE: u64 = 0xf;
const LAST_TYPE: u32 = 10;

/// On x86-64 every system call has a second number, starting here, for programs with 32-bit pointers.
const SECOND_NUMBERS: u32 = 0x4000_0000;

/// How many rules a part of the filter has. The kernel runs a new filter once for each existing system call, and a
/// part is as long as all its rules.
const PART: usize = 8;

/// Makes the kernel refuse, in all threads, the calls that a command with this network access never makes.
///
/// # Errors
/// The reason why the kernel does not do it, in words.
pub(super) fn restrict(network: Network) -> Result<Layer, String> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)
        .map_err(|_| format!("there is no filter for {}", std::env::consts::ARCH))?;
    let failed = |error: &dyn std::fmt::Display| format!("seccomp failed: {error}");
    let program = refused(network).and_then(|rules| program(&rules, arch)).map_err(|error| failed(&error))?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| failed(&error))?;
    Ok(Layer::Enforced(match network {
        Network::None => "seccomp; no network, no new processes".to_owned(),
        Network::Listen => "seccomp; accepts connections and makes none, no new processes".to_owned(),
        Network::Connect => "seccomp; network allowed, no new processes".to_owned(),
    }))
}

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

fn refused(network: Network) -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules = NEVER.iter().chain(NEVER_HERE).map(|call| (*call, Vec::new())).collect();
    // New threads are allowed, new processes are not.
    let thread = libc::CLONE_THREAD.unsigned_abs().into();
    rules.insert(libc::SYS_clone, vec![rule([condition(0, SeccompCmpOp::MaskedEq(thread), 0)?])?]);
    // The times of an open file are set without a name.
    rules.insert(libc::SYS_utimensat, vec![rule([wide_condition(1, SeccompCmpOp::Ne, 0)?])?]);
    let other_requests = REQUESTS.iter().map(|request| condition(1, SeccompCmpOp::Ne, u64::from(*request)));
    let other_requests = SeccompRule::new(other_requests.collect::<Result<Vec<_>, _>>()?)?;
    rules.insert(libc::SYS_ioctl, vec![other_requests]);
    match network {
        Network::None => rules.extend(SOCKETS.iter().map(|call| (*call, Vec::new()))),
        Network::Listen => {
            rules.extend(REACHING.iter().map(|call| (*call, Vec::new())));
            let other_types = (0..=LAST_TYPE).filter(|kind| *kind != libc::SOCK_STREAM.unsigned_abs());
            let mut sockets = vec![of_other_family(&INTERNET)?];
            for kind in other_types {
                sockets.push(rule([condition(1, SeccompCmpOp::MaskedEq(TYPE), kind.into())?])?);
            }
            rules.insert(libc::SYS_socket, sockets);
            // A receiver that is named.
            rules.insert(libc::SYS_sendto, vec![rule([wide_condition(4, SeccompCmpOp::Ne, 0)?])?]);
        }
        Network::Connect => {
            rules.extend(REACHED.iter().map(|call| (*call, Vec::new())));
            let mut sockets = vec![of_other_family(&FAMILIES)?];
            // Root could send packets of any kind.
            for family in INTERNET.map(|family| family.unsigned_abs().into()) {
                sockets.push(rule([
                    condition(0, SeccompCmpOp::Eq, family)?,
                    condition(1, SeccompCmpOp::MaskedEq(TYPE), libc::SOCK_RAW.unsigned_abs().into())?,
                ])?);
            }
            rules.insert(libc::SYS_socket, sockets);
        }
    }
    Ok(rules)
}

/// Sockets of none of these families.
fn of_other_family(families: &[i32]) -> Result<SeccompRule, seccompiler::BackendError> {
    let other = families.iter().map(|family| condition(0, SeccompCmpOp::Ne, family.unsigned_abs().into()));
    SeccompRule::new(other.collect::<Result<Vec<_>, _>>()?)
}

fn rule<const N: usize>(conditions: [SeccompCondition; N]) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(conditions.into())
}

fn condition(
    argument: u8,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

fn wide_condition(
    argument: u8,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, operator, value)
}

/// The filter: the rules in parts, in the order of their numbers. Each part is a filter of its own that also checks
/// the architecture; a few instructions before them select the part.
fn program(rules: &Rules, arch: TargetArch) -> Result<BpfProgram, seccompiler::BackendError> {
    let errno = |error: i32| u32::from(SeccompAction::Errno(error.unsigned_abs()));
    let rules: Vec<(&c_long, &Vec<SeccompRule>)> = rules.iter().collect();
    let mut parts: Vec<(u32, BpfProgram)> = Vec::new();
    for part in rules.chunks(PART) {
        let first = part.first().map_or(0, |(call, _)| u32::try_from(**call).unwrap_or(0));
        let rules: Rules = part.iter().map(|(call, rules)| (**call, (*rules).clone())).collect();
        let action = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        parts.push((first, SeccompFilter::new(rules, SeccompAction::Allow, action, arch)?.try_into()?));
    }
    // The number of the call is the first word of the filter's input.
    let mut program = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
    if cfg!(target_arch = "x86_64") {
        program.extend([
            jump(libc::BPF_JGE, SECOND_NUMBERS, 0, 1),
            statement(libc::BPF_RET, errno(libc::EPERM)),
        ]);
    }
    program.extend([jump(libc::BPF_JGE, FIRST_UNKNOWN, 0, 1), statement(libc::BPF_RET, errno(libc::ENOSYS))]);
    // A filter cannot see the arguments of the newer call for threads; without it, the C library uses the older one.
    let newer = u32::try_from(libc::SYS_clone3).unwrap_or(u32::MAX);
    program.extend([jump(libc::BPF_JEQ, newer, 0, 1), statement(libc::BPF_RET, errno(libc::ENOSYS))]);
    // Two instructions for each part except the last: numbers below the next part's first belong to this one.
    let bounds: Vec<u32> = parts.iter().skip(1).map(|(first, _)| *first).collect();
    let mut before = 0;
    for (index, (bound, (_, part))) in bounds.iter().zip(&parts).enumerate() {
        // The choices that follow, the last one, and the parts before this one.
        let behind = 2 * (bounds.len() - index - 1) + 1 + before;
        program.push(jump(libc::BPF_JGE, *bound, 1, 0));
        program.push(statement(libc::BPF_JMP | libc::BPF_JA, u32::try_from(behind).unwrap_or(u32::MAX)));
        before += part.len();
    }
    // Numbers above all limits go to the last part, past all others.
    if let Some((_, last)) = parts.pop() {
        let over = u32::try_from(before).unwrap_or(u32::MAX);
        program.push(statement(libc::BPF_JMP | libc::BPF_JA, over));
        program.extend(parts.into_iter().flat_map(|(_, part)| part));
        program.extend(last);
    }
    Ok(program)
}

fn statement(code: u32, value: u32) -> sock_filter {
    jump_with(code, value, 0, 0)
}

/// Compares with a value: how many instructions are skipped if it is true, and if it is false.
fn jump(comparison: u32, value: u32, holds: u8, otherwise: u8) -> sock_filter {
    jump_with(libc::BPF_JMP | comparison | libc::BPF_K, value, holds, otherwise)
}

fn jump_with(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    // All codes fit.
    sock_filter { code: u16::try_from(code).unwrap_or(0), jt, jf, k }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Runs a filter on a call as the kernel does: the number, the architecture, and the arguments in their places.
    fn answer(program: &[sock_filter], call: u32, arguments: [u64; 6]) -> u32 {
        let arch = match std::env::consts::ARCH {
            "x86_64" => 0xc000_003e_u32,
            "aarch64" => 0xc000_00b7,
            _ => 0xc000_00f3,
        };
        let mut data = [call.to_le_bytes(), arch.to_le_bytes()].concat();
        data.extend([0; 8]);
        data.extend(arguments.iter().flat_map(|argument| argument.to_le_bytes()));
        let (mut at, mut loaded) = (0, 0u32);
        loop {
            let sock_filter { code, jt, jf, k } = program[at].clone();
            at += 1;
            let jump = |holds: bool| usize::from(if holds { jt } else { jf });
            match u32::from(code) {
                0x20 => loaded = u32::from_le_bytes(data[k as usize..][..4].try_into().unwrap()),
                0x54 => loaded &= k,
                0x05 => at += k as usize,
                0x15 => at += jump(loaded == k),
                0x25 => at += jump(loaded > k),
                0x35 => at += jump(loaded >= k),
                0x06 => return k,
                code => panic!("{code:#x}"),
            }
        }
    }

    fn filter(network: Network) -> BpfProgram {
        program(&refused(network).unwrap(), TargetArch::try_from(std::env::consts::ARCH).unwrap()).unwrap()
    }

    const ALLOWED: u32 = 0x7fff_0000;
    const REFUSED: u32 = 0x0005_0000 | libc::EPERM as u32;
    const ABSENT: u32 = 0x0005_0000 | libc::ENOSYS as u32;

    #[test]
    fn every_call_gets_its_result() {
        let program = filter(Network::None);
        let listed: BTreeSet<c_long> = [NEVER, NEVER_HERE, SOCKETS].concat().into_iter().collect();
        let thread = libc::CLONE_THREAD.unsigned_abs().into();
        for call in 0..1000 {
            let expected = match c_long::from(call) {
                libc::SYS_clone3 => ABSENT,
                call if call >= FIRST_UNKNOWN.into() => ABSENT,
                call if listed.contains(&call) => REFUSED,
                _ => ALLOWED,
            };
            let request = if call == libc::SYS_ioctl as u32 { u64::from(REQUESTS[0]) } else { 0 };
            assert_eq!(answer(&program, call, [thread, request, 0, 0, 0, 0]), expected, "call {call}");
        }
        let clone = libc::SYS_clone as u32;
        assert_eq!(answer(&program, clone, [0; 6]), REFUSED, "a process");
        let times = libc::SYS_utimensat as u32;
        assert_eq!(answer(&program, times, [3, 1 << 40, 0, 0, 0, 0]), REFUSED, "times by name");
        if cfg!(target_arch = "x86_64") {
            assert_eq!(answer(&program, SECOND_NUMBERS + 41, [0; 6]), REFUSED);
            assert_eq!(answer(&program, SECOND_NUMBERS, [0; 6]), REFUSED);
        }
    }

    #[test]
    fn each_network_access_allows_only_its_kinds_of_sockets() {
        let socket = libc::SYS_socket as u32;
        for (network, families) in [(Network::Connect, FAMILIES.as_slice()), (Network::Listen, &INTERNET)] {
            let program = filter(network);
            for family in 0..64 {
                let expected = if families.contains(&family) { ALLOWED } else { REFUSED };
                let family = u64::from(family.unsigned_abs());
                assert_eq!(answer(&program, socket, [family, 1, 0, 0, 0, 0]), expected, "family {family}");
            }
            assert_eq!(answer(&program, libc::SYS_execve as u32, [0; 6]), REFUSED);
            assert_eq!(answer(&program, libc::SYS_sendto as u32, [0; 6]), ALLOWED, "on a connection");
        }
    }

    #[test]
    fn who_connects_accepts_nothing_and_who_accepts_reaches_nobody() {
        let (connects, accepts) = (filter(Network::Connect), filter(Network::Listen));
        let internet = libc::AF_INET.unsigned_abs().into();
        for call in REACHING {
            assert_eq!(answer(&accepts, *call as u32, [0; 6]), REFUSED, "call {call}");
            assert_eq!(answer(&connects, *call as u32, [0; 6]), ALLOWED, "call {call}");
        }
        for call in REACHED {
            assert_eq!(answer(&accepts, *call as u32, [0; 6]), ALLOWED, "call {call}");
            assert_eq!(answer(&connects, *call as u32, [0; 6]), REFUSED, "call {call}");
        }
        let flags = (libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK).unsigned_abs();
        for kind in 0..=LAST_TYPE {
            let arguments = [internet, u64::from(kind | flags), 0, 0, 0, 0];
            let expected = if kind == libc::SOCK_STREAM.unsigned_abs() { ALLOWED } else { REFUSED };
            assert_eq!(answer(&accepts, libc::SYS_socket as u32, arguments), expected, "type {kind}");
            let expected = if kind == libc::SOCK_RAW.unsigned_abs() { REFUSED } else { ALLOWED };
            assert_eq!(answer(&connects, libc::SYS_socket as u32, arguments), expected, "type {kind}");
        }
        let named = [3, 0, 0, 0, 1 << 40, 16];
        assert_eq!(answer(&accepts, libc::SYS_sendto as u32, named), REFUSED, "a receiver that is named");
        assert_eq!(answer(&connects, libc::SYS_sendto as u32, named), ALLOWED);
    }

    #[test]
    fn an_open_file_is_asked_for_what_commands_need_only() {
        for network in [Network::None, Network::Listen, Network::Connect] {
            let program = filter(network);
            for request in REQUESTS {
                let asked = [0, u64::from(request), 0, 0, 0, 0];
                assert_eq!(answer(&program, libc::SYS_ioctl as u32, asked), ALLOWED, "{request:#x}");
            }
            // TIOCSTI, TIOCLINUX, TCSETS, FICLONE, and FS_IOC_SETFLAGS, which makes a file immutable.
            for request in [0x5412u32, 0x541c, 0x5402, 0x4004_9409, 0x4008_6602] {
                // The kernel ignores the upper half.
                for upper in [0, 1 << 32] {
                    let asked = [0, u64::from(request) | upper, 0, 0, 0, 0];
                    assert_eq!(answer(&program, libc::SYS_ioctl as u32, asked), REFUSED, "{request:#x}");
                }
            }
        }
    }

    #[test]
    fn other_architectures_end_the_process() {
        let program = filter(Network::None);
        let mut foreign = program.clone();
        // A filter that expects another architecture sees this one as foreign.
        for instruction in &mut foreign {
            if instruction.code == 0x15 && instruction.k > 0xc000_0000 {
                instruction.k ^= 1;
            }
        }
        assert_eq!(answer(&foreign, 0, [0; 6]), 0x8000_0000);
    }
}
