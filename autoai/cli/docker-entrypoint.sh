#!/bin/sh
# What the container starts. A bind mount belongs to whoever made the folder on the host, usually
# root, and the app does not run as root: so this makes the mounts, gives them to the app's user,
# drops root for good and becomes the command. Started as another user (`user:` in compose,
# --user) it has nothing to give and nothing to drop.
set -eu

# Numbers, not a name: they are what the host's file system sees, and need no passwd entry.
uid=10001
gid=10001

if [ "$(id -u)" = 0 ]; then
    root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
    for folder in "${INSTANCE_DIR:-$root/instance}" "${LOG_DIR:-$root/instance/logs}"; do
        mkdir -p -- "$folder"
        # Only what is not right yet: a big folder costs a look per file, not a write. -h and
        # -xdev, so that neither a link nor another mount inside leads out of it.
        find "$folder" -xdev \( ! -uid "$uid" -o ! -gid "$gid" \) \
            -exec chown -h "$uid:$gid" {} + ||
            echo "AutoAI: cannot give $folder to user $uid; it must be able to write there" >&2
    done
    export HOME="$root"
    exec setpriv --reuid "$uid" --regid "$gid" --clear-groups --no-new-privs -- "$@"
fi

exec "$@"
