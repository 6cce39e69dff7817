"""What doctor says of a cluster: code -> language -> (sentence, remedy)."""
# ruff: noqa: E501, RUF001 (a table: one code, one line a language; Chinese has its own commas)

CLUSTER_WORDS: dict[str, dict[str, tuple[str, str]]] = {
    "cluster.good": {
        "en": ("The cluster at {server} answers; the namespace is {namespace}.", ""),
        "zh": ("集群 {server} 有应答，命名空间是 {namespace}。", ""),
    },
    "cluster.kubeconfig": {
        "en": (
            "It is not known which cluster is meant: {why}",
            "Correct that file, or name another with --kubeconfig FILE and --context NAME.",
        ),
        "zh": (
            "不知道要连接哪个集群：{why}",
            "请改正该文件，或用 --kubeconfig 文件 和 --context 名称 另外指定。",
        ),
    },
    "cluster.stranger": {
        "en": (
            "The cluster does not know us: {why}",
            "Sign in to the cluster anew; `kubectl auth whoami` says whether it has worked.",
        ),
        "zh": (
            "集群不认识我们：{why}",
            "请重新登录集群；`kubectl auth whoami` 可以确认是否成功。",
        ),
    },
    "cluster.nobody": {
        "en": (
            "The cluster takes us for nobody: {source} shows no credentials that count ({why}).",
            "Choose a context that has a user, with --context NAME.",
        ),
        "zh": (
            "集群把我们当作匿名者：{source} 没有有效的凭据（{why}）。",
            "请用 --context 名称 选择带有用户的上下文。",
        ),
    },
    "cluster.silent": {
        "en": (
            "The cluster cannot be asked: {why}",
            "See whether `kubectl get --raw /readyz` answers; the address is in {source}.",
        ),
        "zh": (
            "无法访问集群：{why}",
            "请看 `kubectl get --raw /readyz` 是否有应答；地址写在 {source} 里。",
        ),
    },
    "rights.good": {
        "en": ("{who} has every right that a hub needs in {namespace}.", ""),
        "zh": ("{who} 在 {namespace} 中具有 hub 需要的全部权限。", ""),
    },
    "rights.unseen": {
        "en": (
            "{who} has every right that a hub needs in {namespace}. It may not {names}: why no machine takes a server can then be said less well.",
            "Set rbac.cluster to true if sentences are to name the machines.",
        ),
        "zh": (
            "{who} 在 {namespace} 中具有 hub 需要的全部权限，但不能 {names}：没有机器接受服务器时，原因会说得不那么清楚。",
            "如果希望说明中写出机器，请把 rbac.cluster 设为 true。",
        ),
    },
    "rights.missing": {
        "en": (
            "{who} may not do in {namespace} what a hub must: {names}.",
            "Set rbac.create to true, or grant it; `kubectl -n {namespace} auth can-i {first} --as {who}` says whether it is.",
        ),
        "zh": (
            "{who} 在 {namespace} 中缺少 hub 必需的权限：{names}。",
            "请把 rbac.create 设为 true，或授予这些权限；`kubectl -n {namespace} auth can-i {first} --as {who}` 可以确认。",
        ),
    },
    "storage.good": {
        "en": ("Homes get storage of the class {name}.", ""),
        "zh": ("主目录使用存储类 {name}。", ""),
    },
    "storage.none.good": {
        "en": ("There are no homes (singleuser.storage.type: none).", ""),
        "zh": ("没有主目录（singleuser.storage.type: none）。", ""),
    },
    "storage.by-hand.good": {
        "en": ("Volumes for homes are made by hand (storageClass is empty).", ""),
        "zh": ("主目录的卷由人工准备（storageClass 为空）。", ""),
    },
    "storage.static.good": {
        "en": ("Homes are kept in the claim {name}.", ""),
        "zh": ("主目录保存在 PVC {name} 中。", ""),
    },
    "storage.unseen": {
        "en": (
            "Not looked at: this account may not see storage classes.",
            "Set rbac.cluster to true, or look yourself: `kubectl get storageclass`.",
        ),
        "zh": (
            "没有检查：此账户不能查看存储类。",
            "请把 rbac.cluster 设为 true，或自己查看：`kubectl get storageclass`。",
        ),
    },
    "storage.unknown": {
        "en": (
            "It is not known whether there is storage for homes: {why}",
            "Look yourself: `kubectl get storageclass`.",
        ),
        "zh": ("不知道有没有可用于主目录的存储：{why}", "请自己查看：`kubectl get storageclass`。"),
    },
    "storage.class": {
        "en": (
            "There is no storage class {name}; there are: {known}.",
            "Set singleuser.storage.dynamic.storageClass to one that there is, or to null for the default one.",
        ),
        "zh": (
            "没有存储类 {name}；现有：{known}。",
            "请把 singleuser.storage.dynamic.storageClass 设为现有的一个，或设为 null 以使用默认的。",
        ),
    },
    "storage.no-default": {
        "en": (
            "No storage class is the default one, so homes get no volume; there are: {known}.",
            "Set singleuser.storage.dynamic.storageClass to one of them, or annotate one with storageclass.kubernetes.io/is-default-class=true.",
        ),
        "zh": (
            "没有默认的存储类，主目录得不到卷；现有：{known}。",
            "请把 singleuser.storage.dynamic.storageClass 设为其中一个，或给其中一个加上注解 storageclass.kubernetes.io/is-default-class=true。",
        ),
    },
    "storage.claim": {
        "en": (
            "Homes are to be kept in one claim, and there is no claim “{name}” in {namespace}.",
            "Make it, or set singleuser.storage.static.pvcName to one of `kubectl -n {namespace} get pvc`.",
        ),
        "zh": (
            "主目录应保存在一个 PVC 中，但 {namespace} 里没有 PVC“{name}”。",
            "请创建它，或把 singleuser.storage.static.pvcName 设为 `kubectl -n {namespace} get pvc` 中的一个。",
        ),
    },
    "pod.good": {
        "en": ("A pod of the image {image} ran on {node} within {seconds} s and is removed.", ""),
        "zh": ("使用镜像 {image} 的 Pod 在 {seconds} 秒内于 {node} 上运行，并已删除。", ""),
    },
    "pod.failed": {
        "en": ("A pod of the image {image} does not run: {why}", "{remedy}"),
        "zh": ("使用镜像 {image} 的 Pod 无法运行：{why}", "{remedy}"),
    },
    "pod.no-namespace": {
        "en": (
            "There is no namespace {namespace}.",
            "Name the one of the hub with --namespace NAME, or make it: `kubectl create namespace {namespace}`.",
        ),
        "zh": (
            "没有命名空间 {namespace}。",
            "请用 --namespace 名称 指定 hub 所在的命名空间，或创建它：`kubectl create namespace {namespace}`。",
        ),
    },
    "pod.left": {
        "en": (
            "The pod {name} of this check could not be removed: the cluster stopped answering.",
            "Remove it: `kubectl -n {namespace} delete pod {name}`. The next doctor does so as well.",
        ),
        "zh": (
            "无法删除本次检查的 Pod {name}：集群不再应答。",
            "请删除它：`kubectl -n {namespace} delete pod {name}`；下一次检查也会删除它。",
        ),
    },
    "pod.unknown": {
        "en": (
            "Whether a pod runs could not be found out: {why}",
            "Try again; its pod is removed.",
        ),
        "zh": ("无法得知 Pod 能否运行：{why}", "请再试一次；这次的 Pod 已删除。"),
    },
    "pod.no-python": {
        "en": (
            "Not looked at: the image has no python3 that could look.",
            "Run `perijove doctor` with the image that most people use.",
        ),
        "zh": (
            "没有检查：镜像里没有可用于检查的 python3。",
            "请用多数人使用的镜像运行 `perijove doctor`。",
        ),
    },
    "dns.good": {
        "en": ("A pod finds the hub by the name {host} ({addresses}).", ""),
        "zh": ("Pod 能通过名称 {host} 找到 hub（{addresses}）。", ""),
    },
    "dns.unknown": {
        "en": (
            "A pod does not find the hub by the name {host} ({why}).",
            "See whether `kubectl -n {namespace} get service {host}` shows it (--connect-url names another), whether the DNS of the cluster runs (`kubectl -n kube-system get pods -l k8s-app=kube-dns`), and whether a NetworkPolicy lets pods ask it.",
        ),
        "zh": (
            "Pod 无法通过名称 {host} 找到 hub（{why}）。",
            "请看 `kubectl -n {namespace} get service {host}` 是否存在（可用 --connect-url 指定别的名称）、集群的 DNS 是否在运行（`kubectl -n kube-system get pods -l k8s-app=kube-dns`），以及网络策略是否允许 Pod 查询 DNS。",
        ),
    },
    "hub.good": {
        "en": ("A pod reaches the hub at {url}.", ""),
        "zh": ("Pod 能访问 hub：{url}。", ""),
    },
    "hub.silent": {
        "en": (
            "A pod does not reach the hub at {url} ({why}).",
            "See whether the hub runs (`kubectl get pods`), and whether a NetworkPolicy or a firewall lets people's pods reach {host}.",
        ),
        "zh": (
            "Pod 无法访问 hub：{url}（{why}）。",
            "请看 hub 是否在运行（`kubectl get pods`），以及网络策略或防火墙是否允许用户的 Pod 访问 {host}。",
        ),
    },
    "hub.other": {
        "en": (
            "Something answers a pod at {url} with {status}, and it is not the hub.",
            "Correct --connect-url and hub.baseUrl: servers ask there who somebody is.",
        ),
        "zh": (
            "{url} 以 {status} 应答，但它不是 hub。",
            "请改正 --connect-url 和 hub.baseUrl：服务器在那里询问用户是谁。",
        ),
    },
}
