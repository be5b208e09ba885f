#!/bin/bash
# Installs the Debian packages in a minimal Debian and runs what they carry. Needs root, debootstrap
# and a Debian mirror; takes some minutes. "npm run package -- --arch amd64" makes the packages; with
# those of arm64 beside them and qemu-user-static, the agent's is installed and run as well.
#
#   deploy/chroot-test.sh [FOLDER]    keeps the chroot in FOLDER for the next time
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
mirror=${MIRROR:-http://deb.debian.org/debian}
emulator=$(command -v qemu-aarch64-static || true)
begun=$(date +%s)
root=${1:-$(mktemp -d)}
mounted=()
keeps=$#
finish() {
  local code=$?
  for place in "${mounted[@]}"; do umount "$place" || true; done
  [ "$keeps" -gt 0 ] || rm -rf --one-file-system "$root"
  [ "$code" -eq 0 ] || echo "FAILED in $(($(date +%s) - begun)) s"
  exit "$code"
}
trap finish EXIT
fail() {
  echo "$1"
  exit 1
}
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"; }

# The one package of this name and architecture; the newest where there are several.
package() {
  local files
  files=$(ls -t "$here"/dist/"$1"_*_"$2".deb 2>/dev/null | head -n 1)
  [ -n "$files" ] || fail "no $1 for $2 in dist: npm run package -- --arch $2"
  echo "$files"
}

sizes() {
  for file in "$@"; do
    echo "$(basename "$file"): $(stat -c %s "$file" | awk '{ printf "%.1f", $1 / 1e6 }') MB," \
      "installed $(dpkg-deb -f "$file" Installed-Size | awk '{ printf "%.0f", $1 * 1.024e-3 }') MB"
  done
}

# Lines of Debian's own tools; shown when they fail.
quietly() {
  local output
  output=$("$@" 2>&1) || fail "$output"
}

program=$(package tickpay amd64)
agent=$(package tickpay-agent amd64)
[ -e "$root/etc/debian_version" ] || quietly debootstrap --variant=minbase bookworm "$root" "$mirror"
mount -t proc proc "$root/proc"
mounted+=("$root/proc")
rm -rf "$root/tmp/packages" && mkdir -p "$root/tmp/packages"
cp "$program" "$agent" "$here/deploy/install.sh" "$root/tmp/packages/"

echo '-- amd64: installed'
sizes "$program" "$agent"
quietly inside sh /tmp/packages/install.sh /tmp/packages
echo '-- nothing was enabled, and settings are conffiles'
[ -z "$(inside find /etc/systemd/system -name 'tickpay*')" ] || fail 'a unit was enabled'
conffiles=$(inside dpkg-query -W -f '${Conffiles}\n' tickpay tickpay-agent)
[[ $conffiles == */etc/tickpay/gateway.yaml* && $conffiles == */etc/tickpay/agent.yaml* ]] ||
  fail "no conffiles: $conffiles"
echo '-- versions and help'
for name in tickpay tickpay-agent; do
  [ "$(inside "$name" --version)" = "$(dpkg-deb -f "$program" Version)" ] || fail 'another version'
  help=$(inside "$name" --help)
  echo "$name: ${help%%$'\n'*}"
done
echo '-- the configuration that comes along is valid once it has its keys'
inside sh -c 'cd /tmp && rm -rf gateway && mkdir gateway && cd gateway &&
  tickpay keys new gateway.key --passphrase-file gateway.pass >/dev/null &&
  TICKPAY_GATEWAY__DATA=data TICKPAY_GATEWAY__KEY__FILE=gateway.key \
  TICKPAY_GATEWAY__KEY__PASSPHRASE_FILE=gateway.pass tickpay check /etc/tickpay/gateway.yaml'
echo '-- the demo, ten seconds: its books agree'
inside rm -rf /tmp/demo
inside tickpay demo --for 10s --data /tmp/demo --json >/dev/null
inside tickpay demo check --data /tmp/demo | tail -n 1
echo '-- removed, and the state stays'
quietly inside dpkg --purge tickpay tickpay-agent
[ ! -e "$root/usr/bin/tickpay" ] || fail 'the program is still there'
[ ! -e "$root/usr/lib/tickpay" ] || fail 'files are left in /usr/lib/tickpay'
[ -d "$root/tmp/demo" ] || fail 'the state is gone'

arm='arm64 was not run: '
if [ -z "$emulator" ]; then
  arm+='no qemu-aarch64-static (apt-get install qemu-user-static)'
elif ! ls "$here"/dist/tickpay-agent_*_arm64.deb >/dev/null 2>&1; then
  arm+='no package (npm run package -- --arch arm64)'
else
  # Debian's own way to have programs of two architectures; only Node itself is emulated.
  echo '-- arm64: the agent installed beside the C libraries of arm64, and run'
  agent=$(package tickpay-agent arm64)
  sizes "$(package tickpay arm64)" "$agent"
  rm -f "$root"/tmp/packages/*.deb
  cp "$agent" "$root/tmp/packages/"
  cp "$emulator" "$root/usr/bin/"
  inside dpkg --add-architecture arm64
  quietly inside sh /tmp/packages/install.sh /tmp/packages
  machine=$(inside od -An -tx1 -j18 -N2 /usr/lib/tickpay-agent/bin/node)
  [ "$machine" = ' b7 00' ] || fail "not a program of arm64: $machine"
  # What /usr/bin/tickpay-agent starts, under the emulator.
  runs=$(inside tail -n 1 /usr/bin/tickpay-agent | sed 's/^exec //; s/ "\$@"$//')
  version=$(inside sh -c "qemu-aarch64-static $runs --version")
  [ "$version" = "$(dpkg-deb -f "$agent" Version)" ] || fail "another version: $version"
  inside sh -c "qemu-aarch64-static $runs --help" | head -n 1
  quietly inside dpkg --purge tickpay-agent
  arm='arm64: the agent'
fi
echo "passed in $(($(date +%s) - begun)) s; amd64: both packages; $arm"
