#!/bin/sh
# bgworker-init COMMAND [ARGUMENT]...: the first process of a container, for a command that should not have to be it.
#
# Whatever loses its parent becomes a child of process 1, which has to wait for it when it ends. Node waits only for
# children that it started itself, so as process 1 it lets the dead pile up as zombies until there is no pid left. A shell
# that waits for one child waits for all. This one
#
# - starts the command as its child, with our own standard input,
# - passes TERM, INT, QUIT, HUP, USR1 and USR2 on to it, each once, however early it comes,
# - waits for everything that ends,
# - ends when the command ends, with its exit code, or 128 + n if signal n ended it. The kernel then ends all that is
#   left in the container, as it does whenever process 1 is gone.
#
# For dash, BusyBox ash and bash. In all of them a command in the background ignores INT and QUIT, unless it asks for
# them as Node does for every signal when it boots; other commands are stopped with TERM.

if [ "$#" -eq 0 ]; then
  echo 'usage: bgworker-init COMMAND [ARGUMENT]...' >&2
  exit 64
fi

child=
early=

forward() {
  if [ -n "$child" ]; then kill -s "$1" "$child" 2>/dev/null; else early="$early $1"; fi
}

for signal in TERM INT QUIT HUP USR1 USR2; do
  # shellcheck disable=SC2064 # the name is meant now
  trap "forward $signal" "$signal"
done

# By a detour: what is started in the background would read from /dev/null.
exec 3<&0
"$@" <&3 3<&- &
child=$!
exec 3<&-
for signal in $early; do
  kill -s "$signal" "$child" 2>/dev/null
done

# A signal ends `wait` too, with a number that says nothing of the child; so what counts is that the child is gone. Its
# code has been given then, and is not known any more (127), or is given now. Only bash may have forgotten it, if a signal
# comes in the same tenth of a millisecond in which the child ends; its answer is then the signal's number, or 255.
while :; do
  wait "$child"
  status=$?
  kill -0 "$child" 2>/dev/null || break
done
wait "$child" 2>/dev/null
last=$?
[ "$last" -eq 127 ] || status=$last
exit "$status"
