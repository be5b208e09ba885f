#!/bin/sh
# Installs the Debian packages in a minimal Debian and runs what they carry. Needs root, debootstrap
# and a Debian mirror; takes some minutes. "npm run package -- --arch amd64" makes the packages.
#
#   deploy/chroot-test.sh [FOLDER]    keeps the chroot in FOLDER for the next time
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
mirror=${MIRROR:-http://deb.debian.org/debian}
begun=$(date +%s)
if [ $# -gt 0 ]; then
  root=$1
else
  root=$(mktemp -d)
fi
mounted=
cleanUp() {
  [ -z "$mounted" ] || umount "$root/proc"
  [ $# -gt 0 ] || rm -rf --one-file-system "$root"
}
trap 'cleanUp "$@"' EXIT

[ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase bookworm "$root" "$mirror" >/dev/null
mount -t proc proc "$root/proc"
mounted=yes
cp "$here"/dist/tickpay_*_amd64.deb "$here"/dist/tickpay-agent_*_amd64.deb "$here/deploy/install.sh" \
  "$root/tmp/"
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"; }

inside sh /tmp/install.sh /tmp
echo '-- nothing was enabled, and settings are conffiles'
! inside find /etc/systemd/system -name 'tickpay*' | grep .
inside dpkg-query -W -f '${Conffiles}\n' tickpay tickpay-agent | grep -q /etc/tickpay/gateway.yaml
echo '-- versions and help'
inside tickpay --version
inside tickpay --help | head -n 1
inside tickpay-agent --version
inside tickpay-agent --help | head -n 1
echo '-- the configuration that comes along is valid once it has its keys'
inside sh -c 'cd /tmp && rm -rf gateway && mkdir gateway && cd gateway &&
  tickpay keys new gateway.key --passphrase-file gateway.pass >/dev/null &&
  TICKPAY_GATEWAY__DATA=data TICKPAY_GATEWAY__KEY__FILE=gateway.key \
  TICKPAY_GATEWAY__KEY__PASSPHRASE_FILE=gateway.pass tickpay check /etc/tickpay/gateway.yaml'
echo '-- the demo, ten seconds'
inside tickpay demo --for 10s --json | tail -n 1 | cut -c 1-300
echo '-- removed, and the state would stay'
inside dpkg --purge tickpay tickpay-agent >/dev/null
! inside test -e /usr/bin/tickpay
echo "passed in $(($(date +%s) - begun)) s"
