# What the set-up scripts share: words for the terminal, timed steps, stamps, and the search for a Python.
# Sourced, never run. A stamp holds the hash of what a step was made from; a step whose stamp agrees is skipped.

STAMPS="$ROOT/.venv/.stoplog"
UNAVAILABLE=69 # EX_UNAVAILABLE of sysexits(3): something that the machine must bring is not there.

say() { printf '%s\n' "stoplog: $*"; }

# step NAME HASH WORDS COMMAND…: run COMMAND unless the stamp NAME holds HASH; say what is done and how long it took.
step() {
  local name=$1 hash=$2 words=$3 began took
  shift 3
  if [ -f "$STAMPS/$name" ] && [ "$(cat "$STAMPS/$name")" = "$hash" ]; then
    return 0
  fi
  say "$words …"
  began=$(date +%s)
  "$@" || { say "$words: failed"; exit 1; }
  took=$(($(date +%s) - began))
  mkdir -p "$STAMPS"
  printf '%s\n' "$hash" >"$STAMPS/$name"
  INSTALLED=$((${INSTALLED:-0} + 1))
  say "$words: done in $took s"
}

# hash_of FILE…: one hash over names and contents, and over the place of the tree, since an environment cannot be moved.
hash_of() {
  { printf '%s\n' "$ROOT"; sha256sum "$@"; } | sha256sum | cut -d' ' -f1
}

# Print the first Python of at least 3.11, or nothing. PYTHON in the environment is tried before the usual names.
find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      printf '%s\n' "$candidate"
      return 0
    fi
  done
}

has_venv() { "$1" -c 'import venv, ensurepip' >/dev/null 2>&1; }

# Print the Debian packages that `make setup` needs and this machine lacks.
missing_for_setup() {
  local python
  [ -x "$ROOT/.venv/bin/python" ] && return 0
  python=$(find_python)
  if [ -z "$python" ]; then
    printf '%s\n' python3 python3-venv
  elif ! has_venv "$python"; then
    # Debian names the package after the interpreter unless it is the default one.
    case $python in
      python3 | python | */*) printf '%s\n' python3-venv ;;
      *) printf '%s\n' "$python-venv" ;;
    esac
  fi
}

# Stop with the one line that a person has to run.
stop_for_packages() {
  say "this machine lacks: $*"
  case " $* " in
    *" python3 "*) say "Stoplog needs Python 3.11 or newer (Debian 12 has it); set PYTHON to use one of another name" ;;
  esac
  say "install it as root, then run make again:"
  printf '\n    apt-get install --no-install-recommends %s\n\n' "$*"
  exit "$UNAVAILABLE"
}
