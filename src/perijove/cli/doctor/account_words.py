"""What doctor, and `up`, say of Unix accounts: code -> language -> (sentence, remedy)."""
# ruff: noqa: E501, RUF001 (a table: one code, one line a language; Chinese has its own commas)

ACCOUNT_WORDS: dict[str, dict[str, tuple[str, str]]] = {
    "accounts.good": {
        "en": ("Every person's servers run as a Unix account of their own.", ""),
        "zh": ("每个用户的服务器都以自己的 Unix 账户运行。", ""),
    },
    "accounts.shared": {
        "en": (
            "People share the Unix account {account}, so each can read what the others keep here.",
            "As root, `systemUsers: true` gives everybody their own.",
        ),
        "zh": (
            "所有用户共用 Unix 账户 {account}，彼此可以读取对方保存在这里的内容。",
            "以 root 运行并设置 `systemUsers: true`，每个人就有自己的账户。",
        ),
    },
    "accounts.root": {
        "en": (
            "Everybody's server runs as root, so whoever has one owns this machine.",
            "`systemUsers: true` gives everybody an account of their own.",
        ),
        "zh": (
            "所有人的服务器都以 root 运行，因此有服务器的人就控制了这台机器。",
            "设置 `systemUsers: true`，每个人就有自己的账户。",
        ),
    },
    "accounts.not-root": {
        "en": (
            "`systemUsers: true` needs root: nobody else can run people's servers as their accounts.",
            "Start Perijove as root, best with `perijove install-service`, or take `systemUsers` out of the configuration: then people share one account.",
        ),
        "zh": (
            "`systemUsers: true` 需要 root：只有 root 才能以用户各自的账户运行服务器。",
            "请以 root 启动 Perijove，最好使用 `perijove install-service`；或从配置中去掉 `systemUsers`，这样所有用户共用一个账户。",
        ),
    },
    "accounts.no-programs": {
        "en": (
            "`systemUsers: true` makes accounts, which needs {programs}: not on this machine.",
            "Install them (Debian: apt install passwd; Fedora: dnf install shadow-utils).",
        ),
        "zh": (
            "`systemUsers: true` 需要用 {programs} 创建账户，但这台机器上没有。",
            "请安装它们（Debian：apt install passwd；Fedora：dnf install shadow-utils）。",
        ),
    },
    "accounts.unreachable": {
        "en": (
            "People's accounts cannot run what their servers are made of ({why}).",
            "Install Perijove where every account may read it, say in /opt/perijove, and start that one.",
        ),
        "zh": (
            "用户的账户无法运行服务器程序（{why}）。",
            "请把 Perijove 安装在所有账户都能读取的地方，例如 /opt/perijove，然后从那里启动。",
        ),
    },
    "accounts.file-open": {
        "en": (
            "Every account of this machine can read the configuration {path}, and what is secret in it.",
            "`chmod 600 {path}` keeps it to root.",
        ),
        "zh": (
            "这台机器上的所有账户都能读取配置文件 {path}，包括其中的机密。",
            "`chmod 600 {path}` 之后只有 root 能读取。",
        ),
    },
    "accounts.data-open": {
        "en": (
            "Every account of this machine can open {path} of the data directory.",
            "`chmod o= {path}` closes it.",
        ),
        "zh": (
            "这台机器上的所有账户都能打开数据目录中的 {path}。",
            "请运行 `chmod o= {path}`。",
        ),
    },
    "accounts.homes-left": {
        "en": (
            "There are homes in {path} from when people shared one account; with `systemUsers` nobody uses them.",
            "Move their files into the homes of the accounts; docs/how-to/accounts.md says how.",
        ),
        "zh": (
            "{path} 里还有共用一个账户时的主目录；启用 `systemUsers` 后不再使用。",
            "请把其中的文件移到各账户的主目录；方法见 docs/how-to/accounts.zh.md。",
        ),
    },
}
