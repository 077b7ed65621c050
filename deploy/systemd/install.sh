#!/bin/sh
# install.sh KIT-FOLDER [ROOT]: installs the kit of a server or a site as a systemd service of this machine. Run it as root, again after a
# kit was renewed: data and the configuration that is there stay. With ROOT files are put below that folder, and nothing is started.
set -eu
[ $# -ge 1 ] || { sed -n 2,3p "$0" | cut -c3-; exit 2; }
kit=$1
root=${2:-}
[ -f "$kit/ca.pem" ] || { echo "$kit is no kit: it has no ca.pem" >&2; exit 2; }
unit=$(ls "$kit" | grep '^tributary-.*\.service$') || { echo "$kit is the kit of neither a server nor a site" >&2; exit 2; }
home=$(sed -n 's/^WorkingDirectory=//p' "$kit/$unit")

umask 077
mkdir -p "$root$home" "$root/etc/systemd/system"
for file in "$kit"/*; do
  # What the administrator has changed here is not replaced.
  case $file in *.yaml) [ -f "$root$home/$(basename "$file")" ] && continue ;; esac
  cp -p "$file" "$root$home/"
done
cp "$kit/$unit" "$root/etc/systemd/system/$unit"
chmod 644 "$root/etc/systemd/system/$unit"
[ -z "$root" ] || exit 0

chmod 755 "$(dirname "$home")"
id tributary >/dev/null 2>&1 || useradd --system --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin tributary
chown -R tributary: "$home"
systemctl daemon-reload
systemctl enable "$unit"
systemctl restart "$unit"
