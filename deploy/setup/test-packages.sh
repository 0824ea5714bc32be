#!/usr/bin/env bash
# `make test`, first part: the Debian programs that the tests run. With root or sudo it installs what is missing and
# starts no service; without, it prints the one line that is missing, that of `make setup` included.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
cd "$ROOT"
. deploy/setup/steps.sh

# package  its proof: a program, a family of fonts, or a file
NEEDS="mosquitto:mosquitto victoria-metrics:victoria-metrics prometheus:promtool faketime:faketime postgresql:/usr/lib/postgresql/*/bin/initdb chromium:chromium fonts-noto-cjk:@Noto"

has() {
  case $1 in
    @*) [ -n "$(find /usr/share/fonts "$HOME/.fonts" "$HOME/.local/share/fonts" -iname "${1#@}*CJK*" -print -quit \
      2>/dev/null || true)" ] ;;
    /*) compgen -G "$1" >/dev/null ;;
    *) PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1 ;;
  esac
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_install() {
  command -v apt-get >/dev/null 2>&1 || return 1
  [ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; }
}

# The packages bring services; tests start their own, so none is started now or at the next boot.
install_packages() {
  local policy=/usr/sbin/policy-rc.d service
  if [ ! -e "$policy" ]; then
    as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy"
    trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  as_root apt-get -qq update || return 1
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends "$@" >/dev/null || return 1
  if [ -d /run/systemd/system ]; then
    for service in mosquitto victoria-metrics prometheus postgresql; do
      case " $* " in *" $service "*) as_root systemctl disable --quiet --now "$service" || true ;; esac
    done
  fi
}

mapfile -t missing < <(missing_for_setup)
from_setup=${#missing[@]}
set -f
for need in $NEEDS; do
  has "${need#*:}" || missing+=("${need%%:*}")
done
set +f
[ "${#missing[@]}" -gt 0 ] || exit 0
if [ "$from_setup" -gt 0 ] || ! may_install; then stop_for_packages "${missing[@]}"; fi

say "installing Debian packages for the tests: ${missing[*]} (their services are not started) …"
began=$(date +%s)
install_packages "${missing[@]}" || { say "apt-get could not install them"; stop_for_packages "${missing[@]}"; }
say "Debian packages: done in $(($(date +%s) - began)) s"
