//! System calls, and what they answer. Their arguments are such that nothing comes of it.
#![expect(unsafe_code, reason = "no library makes calls that are to fail")]

use libc::{c_long, syscall};

type Answer = (&'static str, i32);

/// Prints each call with its error, 0 for none.
pub(crate) fn report(answers: &[Answer]) {
    for (name, error) in answers {
        println!("{name} {error}");
    }
}

fn error(answer: c_long) -> i32 {
    if answer == -1 {
        std::io::Error::last_os_error().raw_os_error().unwrap()
    } else {
        0
    }
}

/// Of each, an argument that a kernel takes or finds wrong, but permits.
pub(crate) fn refused() -> Vec<Answer> {
    const NONE: usize = 0;
    const WRONG: usize = 9999;
    let call = |number: c_long, arguments: [usize; 3]| {
        let [a, b, c] = arguments;
        // SAFETY: where they are pointers, these arguments are null, which a kernel takes for an error.
        error(unsafe { syscall(number, a, b, c, NONE, NONE, NONE) })
    };
    vec![
        ("prctl", call(libc::SYS_prctl, [3, NONE, NONE])),
        ("seccomp", call(libc::SYS_seccomp, [WRONG, NONE, NONE])),
        ("ptrace", call(libc::SYS_ptrace, [WRONG, WRONG, NONE])),
        (
            "process_vm_readv",
            call(libc::SYS_process_vm_readv, [NONE; 3]),
        ),
        (
            "perf_event_open",
            call(libc::SYS_perf_event_open, [NONE; 3]),
        ),
        ("chroot", call(libc::SYS_chroot, [NONE; 3])),
        ("unshare", call(libc::SYS_unshare, [NONE; 3])),
        ("setns", call(libc::SYS_setns, [WRONG, NONE, NONE])),
        ("mount", call(libc::SYS_mount, [NONE; 3])),
        ("umount2", call(libc::SYS_umount2, [NONE; 3])),
        ("pivot_root", call(libc::SYS_pivot_root, [NONE; 3])),
        ("bpf", call(libc::SYS_bpf, [WRONG, NONE, NONE])),
        (
            "userfaultfd",
            call(libc::SYS_userfaultfd, [WRONG, NONE, NONE]),
        ),
        ("io_uring_setup", call(libc::SYS_io_uring_setup, [NONE; 3])),
        ("keyctl", call(libc::SYS_keyctl, [WRONG, NONE, NONE])),
        ("clone", clone_into_namespace()),
    ]
}

fn clone_into_namespace() -> i32 {
    let flags = libc::CLONE_NEWUSER | libc::SIGCHLD;
    // SAFETY: without a stack and shared memory this is a fork, and the child only ends.
    let answer = unsafe { syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    if answer == 0 {
        // SAFETY: it ends this process, and no other.
        unsafe { libc::_exit(0) };
    }
    error(answer)
}

/// Calls of kernels after 5.10, with arguments that are wrong.
pub(crate) fn unknown() -> Vec<Answer> {
    const WRONG: usize = usize::MAX;
    let call = |number: c_long| {
        // SAFETY: no descriptor, flag or address is like that.
        error(unsafe { syscall(number, WRONG, WRONG, WRONG, WRONG, WRONG, WRONG) })
    };
    vec![
        ("epoll_pwait2", call(libc::SYS_epoll_pwait2)),
        ("mount_setattr", call(libc::SYS_mount_setattr)),
        (
            "landlock_create_ruleset",
            call(libc::SYS_landlock_create_ruleset),
        ),
        ("memfd_secret", call(libc::SYS_memfd_secret)),
        ("process_mrelease", call(libc::SYS_process_mrelease)),
        ("futex_waitv", call(libc::SYS_futex_waitv)),
        ("cachestat", call(451)),
        ("fchmodat2", call(452)),
    ]
}
