//! Which system calls answer otherwise than outside, and the filters that see to it.
//!
//! AWS documents no list. This one has what is known to be refused, what takes rights that a function
//! has not, and what a kernel of version 5.10, the oldest that functions were seen on, doesn't know.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use libc::{EPERM, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

/// Refused (`EPERM`), whatever the arguments.
const REFUSED: &[c_long] = &[
    libc::SYS_prctl,
    libc::SYS_seccomp,
    // Looking into other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_perf_event_open,
    // Other views of the system.
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_quotactl,
    libc::SYS_fanotify_init,
    // Parts of the kernel that are mostly used to attack it.
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
    libc::SYS_syslog,
    // What is the administrator's.
    libc::SYS_acct,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_settimeofday,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_vhangup,
];

/// Namespaces that `clone` makes when it is asked for them.
const NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// The last call of Linux 5.10, `process_madvise`. All architectures share these numbers.
const LAST_KNOWN: i64 = 440;

/// Up to here, numbers may one day mean something: Linux 6.18 ends at 470.
const LAST_UNKNOWN: i64 = 600;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn refused() -> Result<Rules> {
    let mut rules: Rules = REFUSED.iter().map(|&call| (call, Vec::new())).collect();
    let flags = NAMESPACES.map(|flag| {
        let flag = u64::from(flag.unsigned_abs());
        let is_set = SeccompCmpOp::MaskedEq(flag);
        SeccompCondition::new(0, SeccompCmpArgLen::Qword, is_set, flag)
            .and_then(|condition| SeccompRule::new(vec![condition]))
    });
    let flags = flags.into_iter().collect::<Result<_, _>>()?;
    rules.insert(libc::SYS_clone, flags);
    Ok(rules)
}

/// `clone3` is known there, but a filter can't see its flags; whoever is told that it isn't there takes
/// `clone`.
fn unknown() -> Rules {
    (LAST_KNOWN + 1..=LAST_UNKNOWN)
        .chain([libc::SYS_clone3])
        .map(|call| (call, Vec::new()))
        .collect()
}

fn program(rules: Rules, error: libc::c_int) -> Result<BpfProgram> {
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(error.unsigned_abs()),
        std::env::consts::ARCH.try_into()?,
    )?;
    Ok(filter.try_into()?)
}

/// Puts this thread, and whatever it starts, under the filters.
pub(super) fn filter() -> Result<()> {
    let filters = || {
        // The one that refuses filters comes last.
        apply_filter(&program(unknown(), libc::ENOSYS)?)?;
        apply_filter(&program(refused()?, EPERM)?)?;
        anyhow::Ok(())
    };
    filters().context("this system takes no filter of system calls")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_is_both_refused_and_unknown() {
        let unknown = unknown();
        for call in refused().expect("rules").keys() {
            assert!(!unknown.contains_key(call), "{call}");
        }
    }

    #[test]
    fn what_lambda_knows_is_known() {
        let unknown = unknown();
        for call in [
            libc::SYS_clone,
            libc::SYS_openat2,
            libc::SYS_close_range,
            libc::SYS_faccessat2,
            libc::SYS_memfd_create,
            libc::SYS_process_madvise,
        ] {
            assert!(!unknown.contains_key(&call), "{call}");
        }
        for call in [
            libc::SYS_epoll_pwait2,
            libc::SYS_mount_setattr,
            libc::SYS_landlock_restrict_self,
            libc::SYS_memfd_secret,
            libc::SYS_futex_waitv,
        ] {
            assert!(unknown.contains_key(&call), "{call}");
        }
    }

    #[test]
    fn the_filters_can_be_compiled() {
        let sizes = [
            program(unknown(), libc::ENOSYS).expect("compiles").len(),
            program(refused().expect("rules"), EPERM)
                .expect("compiles")
                .len(),
        ];
        assert!(sizes.iter().all(|&size| size < 4096), "{sizes:?}");
    }
}
