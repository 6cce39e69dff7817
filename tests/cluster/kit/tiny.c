/* Two programs in one: what holds a pod's namespaces, and what makes and removes a volume. */

#define _XOPEN_SOURCE 700

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void down(int number) { (void)number; _exit(0); }

static void reap(int number) {
    (void)number;
    while (waitpid(-1, 0, WNOHANG) > 0) {}
}

static int gone(const char *path, const struct stat *about, int kind, struct FTW *where) {
    (void)about; (void)kind; (void)where;
    return remove(path);
}

static int volume(const char *path, const char *action) {
    if (strcmp(action, "create") == 0) {
        umask(0);
        return mkdir(path, 0777) != 0 && access(path, F_OK) != 0;
    }
    if (access(path, F_OK) != 0) return 0;
    return nftw(path, gone, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0;
}

int main(int count, char **words) {
    const char *path = "", *action = "";
    for (int i = 1; i + 1 < count; i += 2) {
        if (strcmp(words[i], "-p") == 0) path = words[i + 1];
        if (strcmp(words[i], "-a") == 0) action = words[i + 1];
    }
    if (*path && *action) return volume(path, action);
    signal(SIGINT, down);
    signal(SIGTERM, down);
    signal(SIGCHLD, reap);
    for (;;) pause();
}
