#!/bin/sh
# Installs Tickpay from the packages in a folder: the one step of Dockerfile and chroot test.
#
#   install.sh FOLDER
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends ca-certificates "$1"/tickpay*.deb >/dev/null
apt-get clean
rm -rf /var/lib/apt/lists/*
