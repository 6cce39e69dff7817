# Boot a systemd that is alone in namespaces of its own, on a copy of this machine's files that is
# thrown away: `unshare … bash boot.sh FOLDER`. It runs FOLDER/inside.sh as a service, which finds
# FOLDER as /run/test and whose end is FOLDER/done. Nothing outside FOLDER is written.
set -eu
folder=$1
mount --make-rprivate /
mount -t tmpfs tmpfs "$folder/root"
mkdir "$folder/root/upper" "$folder/root/work" "$folder/root/new"
mount -t overlay overlay \
  -o "lowerdir=/,upperdir=$folder/root/upper,workdir=$folder/root/work" "$folder/root/new"
cd "$folder/root/new"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs sys/fs/cgroup
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do
  touch "dev/$node"
  mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/pts dev/shm run/test
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mount --bind "$folder" run/test
rm -rf etc/systemd/system
mkdir -p etc/systemd/system/perijove.service.d
# Alone: nothing of this machine's own services is started with it.
printf '[Unit]\nDefaultDependencies=no\n[Service]\nStandardOutput=file:/run/test/out\nStandardError=file:/run/test/out\n' \
  > etc/systemd/system/perijove.service.d/test.conf
cat > etc/systemd/system/inside.service <<'UNIT'
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/bash /run/test/inside.sh
ExecStopPost=/bin/touch /run/test/done
StandardOutput=file:/run/test/log
StandardError=file:/run/test/log
TimeoutStartSec=600
UNIT
exec chroot . /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=inside.service --log-target=null --show-status=no
