# Runs one server, and sees to it that it does not outlive the test that asked for it.
#
#   guard.sh FOLDER LOG SIGNAL PROGRAM ARGUMENT...
#
# Says the server's process id on stdout. When stdin ends, because the test closed it or because the test's
# process is gone, however it went, the server is sent SIGNAL, killed if it does not heed it, and FOLDER removed.
# The server is this shell's own child, so its process id cannot have become somebody else's. The exit status is
# the server's.
folder=$1 log=$2 signal=$3
shift 3
exec 3<&0

"$@" </dev/null >>"$log" 2>&1 3<&- &
server=$!
ended=
# A frozen server would not hear of it without the CONT.
trap 'ended=yes; kill -"$signal" "$server"; kill -CONT "$server"' USR1
echo "$server"
(
    read -r _ <&3
    kill -USR1 $$
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 1; done
    kill -KILL "$server"
) >/dev/null 2>&1 &
watcher=$!

wait "$server"
status=$?
# The trap interrupts `wait`, which then has to be resumed.
while kill -0 "$server" 2>/dev/null; do
    wait "$server"
    status=$?
done
kill "$watcher" 2>/dev/null
[ -z "$ended" ] || [ -z "$folder" ] || rm -rf "$folder"
exit "$status"
