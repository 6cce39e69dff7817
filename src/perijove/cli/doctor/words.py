"""What doctor says: code -> language -> (sentence, remedy)."""
# ruff: noqa: E501, RUF001 (a table: one code, one line a language; Chinese has its own commas)

from perijove.cli.doctor.account_words import ACCOUNT_WORDS
from perijove.cli.doctor.cluster_words import CLUSTER_WORDS

WORDS: dict[str, dict[str, tuple[str, str]]] = {
    **ACCOUNT_WORDS,
    **CLUSTER_WORDS,
    "skipped": {
        "en": ("Not looked at, because of `{because}`.", ""),
        "zh": ("因为“{because}”有问题，这一项没有检查。", ""),
    },
    "config.good": {
        "en": ("The configuration {file} is good.", ""),
        "zh": ("配置 {file} 没有问题。", ""),
    },
    "config.none": {
        "en": (
            "It runs without a configuration file: the defaults are good.",
            "If there should be one, name it with -f FILE.",
        ),
        "zh": ("没有使用配置文件：默认设置没有问题。", "如果应该有，请用 -f 指定。"),
    },
    "config.gone": {
        "en": (
            "It was started with the configuration {file}, which is no file that can be read any more.",
            "Put it back, or name another with -f FILE.",
        ),
        "zh": (
            "它启动时用的配置 {file} 已经不是可以读取的文件。",
            "请把它放回去，或用 -f 指定另一个。",
        ),
    },
    "config.bad": {
        "en": (
            "The configuration has {count} error(s), the first: {first}",
            "Correct them; `perijove config check{where}` lists all of them.",
        ),
        "zh": (
            "配置有 {count} 处错误，第一处：{first}",
            "请改正；`perijove config check{where}` 会列出全部错误。",
        ),
    },
    "data.good": {
        "en": ("The data directory is {path}.", ""),
        "zh": ("数据目录是 {path}。", ""),
    },
    "data.missing": {
        "en": (
            "There is no Perijove in {path}.",
            "Run `perijove up`, or name its directory with --data DIR.",
        ),
        "zh": ("{path} 里没有 Perijove。", "请运行 `perijove up`，或用 --data 指定它的目录。"),
    },
    "disk.good": {
        "en": ("The disk has {free} MiB free.", ""),
        "zh": ("磁盘剩余 {free} MiB。", ""),
    },
    "disk.full": {
        "en": (
            "The disk that holds {path} has only {free} MiB free.",
            "Make room on it: people cannot save their work soon.",
        ),
        "zh": ("{path} 所在的磁盘只剩 {free} MiB。", "请腾出空间，否则用户很快就无法保存文件。"),
    },
    "limits.good": {
        "en": ("From here, {kind} limits the memory and the cores of servers.", ""),
        "zh": ("从这里启动时，服务器的内存和 CPU 由 {kind} 限制。", ""),
    },
    "limits.rlimits": {
        "en": (
            "No control group can be made from here: memory is limited by process, not by server.",
            "Run Perijove as a service with Delegate=yes, or as root.",
        ),
        "zh": (
            "从这里无法建立控制组：内存只能按进程限制，不能按服务器限制。",
            "请将 Perijove 作为设置了 Delegate=yes 的系统服务运行，或以 root 运行。",
        ),
    },
    "gpus.good": {
        "en": ("Seen from here: {found}.", ""),
        "zh": ("从这里可以看到：{found}。", ""),
    },
    "gpus.none": {
        "en": (
            "No NVIDIA GPU is seen from here, and none is asked for.",
            "If there should be one, look at `nvidia-smi -L`.",
        ),
        "zh": (
            "从这里看不到 NVIDIA GPU，配置也没有要求。",
            "如果应该有，请查看 `nvidia-smi -L`。",
        ),
    },
    "gpus.bad-count": {
        "en": (
            "{asks} asks for `{amount}` GPUs, which is no number of them.",
            "Write 0, 1, 2 and so on.",
        ),
        "zh": ("{asks} 要求“{amount}”个 GPU，这不是数量。", "请写 0、1、2 等整数。"),
    },
    "gpus.too-few": {
        "en": (
            "{asks} asks for {wanted} of {resource}, and servers may have {count} (seen: {found}).",
            "Look at `nvidia-smi -L` and at `gpus.only`; or ask for fewer in the configuration.",
        ),
        "zh": (
            "{asks} 要求 {wanted} 个 {resource}，而可分配给服务器的只有 {count} 个（可以看到：{found}）。",
            "请查看 `nvidia-smi -L` 和 `gpus.only`，或在配置中减少要求的数量。",
        ),
    },
    "disk.inodes": {
        "en": (
            "The disk that holds {path} can hold only {free} more files.",
            "Delete small files on it, or make a file system with more inodes.",
        ),
        "zh": (
            "{path} 所在的磁盘只能再存 {free} 个文件。",
            "请删除一些小文件，或换一个 inode 更多的文件系统。",
        ),
    },
    "disk.read-only": {
        "en": (
            "Nothing can be written to {path} ({why}).",
            "Make it writable for this account; look at `mount` and `ls -ld`.",
        ),
        "zh": (
            "无法写入 {path}（{why}）。",
            "请让当前账号可以写入；可用 `mount` 和 `ls -ld` 查看。",
        ),
    },
    "database.good": {
        "en": ("The database is whole, up to date and can be written.", ""),
        "zh": ("数据库完整、已是最新版本，并且可以写入。", ""),
    },
    "database.bad": {
        "en": (
            "The database cannot be used: {why}",
            "Put back a copy of it, or let `perijove up` finish; nothing was changed.",
        ),
        "zh": (
            "数据库无法使用：{why}",
            "请恢复一份备份，或等 `perijove up` 完成；这里没有改动任何东西。",
        ),
    },
    "database.outdated": {
        "en": (
            "The database is of an older version.",
            "Run `perijove up` once: it brings the database up to date.",
        ),
        "zh": ("数据库是旧版本的。", "请运行一次 `perijove up`，它会升级数据库。"),
    },
    "database.missing": {
        "en": ("There is no database yet.", "Run `perijove up`: it makes one."),
        "zh": ("还没有数据库。", "请运行 `perijove up`，它会创建数据库。"),
    },
    "ports.good": {
        "en": ("Hub (port {hub}) and proxy (port {public}) answer.", ""),
        "zh": ("Hub（端口 {hub}）和代理（端口 {public}）都有应答。", ""),
    },
    "ports.taken": {
        "en": (
            "Port {port} is taken by {who}, which is not Perijove.",
            "Stop that program; the public port may also move: `perijove up --port N`.",
        ),
        "zh": (
            "端口 {port} 被 {who} 占用，它不是 Perijove。",
            "请停止该程序；公开端口也可以更换：`perijove up --port N`。",
        ),
    },
    "ports.silent": {
        "en": (
            "Nothing answers on port {port}: Perijove is not up.",
            "Run `perijove up`; if it is running, its log in {log} says why.",
        ),
        "zh": (
            "端口 {port} 没有应答：Perijove 没有运行。",
            "请运行 `perijove up`；如果它已在运行，原因见 {log} 中的日志。",
        ),
    },
    "ports.ill": {
        "en": (
            "Perijove listens on port {port}, but says that it is not healthy ({why}).",
            "Look at the newest lines of the log in {log}.",
        ),
        "zh": (
            "Perijove 在端口 {port} 监听，但它报告自己不健康（{why}）。",
            "请查看 {log} 中日志的最后几行。",
        ),
    },
    "sign-in.good": {
        "en": ("People can sign in ({name}).", ""),
        "zh": ("用户可以登录（{name}）。", ""),
    },
    "sign-in.nobody": {
        "en": (
            "Nobody can sign in: no rule says who may.",
            "Set hub.config.Authenticator.allow_all, allowed_users or admin_users, and restart.",
        ),
        "zh": (
            "没有人能登录：没有任何规则说明谁可以登录。",
            "请设置 hub.config.Authenticator.allow_all、allowed_users 或 admin_users，然后重启。",
        ),
    },
    "websocket.good": {
        "en": ("A WebSocket through the public address says back what it is told.", ""),
        "zh": ("经公开地址的 WebSocket 往返正常。", ""),
    },
    "websocket.blocked": {
        "en": (
            "A WebSocket through {url} does not get through ({why}); no cell would run.",
            "Let whatever stands before Perijove pass `Upgrade` and `Connection` on.",
        ),
        "zh": (
            "经 {url} 的 WebSocket 不通（{why}），单元格将无法运行。",
            "请让 Perijove 前面的反向代理转发 `Upgrade` 和 `Connection` 请求头。",
        ),
    },
    "start.good": {
        "en": ("A server started in {seconds} s and stopped.", ""),
        "zh": ("测试服务器在 {seconds} 秒内启动，并已停止。", ""),
    },
    "start.failed": {
        "en": (
            "A server does not start: {why}",
            "Look at hub.log in {log}; `perijove config explain singleuser.cmd` says what is run.",
        ),
        "zh": (
            "服务器无法启动：{why}",
            "请查看 {log} 中的 hub.log；`perijove config explain singleuser.cmd` 会说明运行的是什么。",
        ),
    },
}
