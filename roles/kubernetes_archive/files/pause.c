// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright: (c) 2026, the virtual.datacenter contributors
//
// The first process of a pod: it holds the namespaces, reaps orphans, and ends when asked to.
#include <signal.h>
#include <sys/wait.h>

int main(void)
{
    sigset_t wanted;
    int received;

    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGTERM);
    sigprocmask(SIG_BLOCK, &wanted, 0);
    while (sigwait(&wanted, &received) == 0) {
        if (received != SIGCHLD)
            return 0;
        while (waitpid(-1, 0, WNOHANG) > 0)
            ;
    }
    return 1;
}
