#!/bin/sh
# Unpacks what the tests need of a Debian kernel package, without installing it: the machine goes on
# booting what it did.
#
#     unpack.sh FOLDER [PACKAGE]    then run the tests with MULTISNAP_KERNEL=FOLDER
#
# PACKAGE is one without a version; the default is the smallest, linux-image-cloud-amd64.
set -eu
[ $# = 1 ] || [ $# = 2 ] || { echo "usage: $0 FOLDER [PACKAGE]" >&2; exit 2; }
wanted=${2:-linux-image-cloud-amd64}
mkdir -p "$1"
cd "$1"

# It does nothing but depend on the newest one.
package=$(apt-cache depends "$wanted" | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | head -n 1)
[ -n "$package" ] || { echo "$0: no package $wanted here" >&2; exit 1; }
apt-get -qq download "$package"
dpkg --fsys-tarfile "$package"_*.deb | tar -x --wildcards \
  './boot/vmlinuz-*' './*lib/modules/*/modules.builtin' \
  './*lib/modules/*/kernel/drivers/md' './*lib/modules/*/kernel/drivers/block' \
  './*lib/modules/*/kernel/drivers/virtio'
rm "$package"_*.deb
