#!/bin/busybox sh
# /init of the guest. Loads the modules, gives each disk its name, does what /task.sh says and powers
# off. What the test wants to know goes to the second serial line as "NAME ANSWER"; the first one is
# the console, which shows the last steps of a task that failed. The last answer is "end CODE".
set -eu
export PATH=/bin DM_DISABLE_UDEV=1
/bin/busybox --install -s /bin
mount -t devtmpfs none /dev
mount -t proc none /proc
mount -t sysfs none /sys
exec 2>/trace 3>/dev/ttyS1
trap 'leave $?' EXIT

leave() {
  set +x
  [ "$1" = 0 ] || tail -n 20 /trace >/dev/console
  answer end "$1"
  poweroff -f
}

answer() {
  echo "$*" >&3
}

# ---- what tasks are made of; a device is called after its disk

# origin ORIGIN
origin() {
  attach "$1" "$1" snapshot-origin "/dev/disk/$1"
}

# snapshot ORIGIN COW CHUNK-SECTORS
snapshot() {
  attach "$2" "$1" snapshot "/dev/disk/$1" "/dev/disk/$2" P "$3"
}

# merge ORIGIN COW CHUNK-SECTORS: instead of both
merge() {
  attach "$1" "$1" snapshot-merge "/dev/disk/$1" "/dev/disk/$2" P "$3"
}

# attach NAME ORIGIN TARGET...
attach() {
  local name=$1 origin=$2
  shift 2
  dmsetup create "$name" --table "0 $(blockdev --getsz "/dev/disk/$origin") $*"
}

detach() {
  local name
  for name; do dmsetup remove "$name"; done
}

# write DEVICE SECTOR COUNT FROM: sectors of the disk `noise`, in one request
write() {
  transfer "$4" "$2" "$3" of="/dev/mapper/$1" oflag=direct,seek_bytes
}

# write_back DEVICE SECTOR COUNT FROM: through the page cache, so that many requests are under way
write_back() {
  transfer "$4" "$2" "$3" of="/dev/mapper/$1" oflag=seek_bytes conv=notrunc,fsync
}

# transfer FROM SECTOR COUNT OPTIONS...
transfer() {
  local skip=$(($1 * 512)) seek=$(($2 * 512)) bytes=$(($3 * 512))
  shift 3
  dd if=/dev/disk/noise iflag=skip_bytes skip=$skip seek=$seek bs=$bytes count=1 "$@" 2>/dev/null
}

# tell LABEL DEVICE: its status line, and the sha256 of all that is on it
tell() {
  answer "$1.status $(status "$2")"
  answer "$1.sha256 $(hash "/dev/mapper/$2")"
}

# The part of the status line that is the target's own.
status() {
  dmsetup status "$1" | cut -d ' ' -f 4-
}

hash() {
  dd if="$1" iflag=direct bs=64k 2>/dev/null | sha256sum | cut -d ' ' -f 1
}

# until_merged DEVICE: nothing is allocated but metadata
until_merged() {
  local line
  while line=$(status "$1") && [ "${line%%/*}" != "${line##* }" ]; do
    case $line in *[!0-9/\ ]*) return 1 ;; esac
    sleep 0.05
  done
}

# until_changed DEVICE STATUS
until_changed() {
  while [ "$(status "$1")" = "$2" ]; do :; done
}

# ---- the work

for module in $(cat /modules/order); do insmod "/modules/$module"; done
mkdir /dev/disk
for disk in /sys/block/vd*; do ln -s "/dev/${disk##*/}" "/dev/disk/$(cat "$disk/serial")"; done
answer kernel "$(uname -r)"
set -x
. /task.sh
