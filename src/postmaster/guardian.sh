#!/bin/sh
# The guardian: ends what a dead postmaster left behind.
#
# One such shell runs beside each postmaster, in a session of its own and deaf to the terminal's signals, so that
# nothing that takes the postmaster away takes the guardian too. It knows two things only: the life line and the live
# process groups.
#
#   stdin         the life line. Lines `add GROUP` and `del GROUP` keep the list; the line `end` says that the
#                 postmaster leaves in order: then the guardian leaves too and harms nobody. The end of stdin without
#                 that line says that the postmaster is dead, however it died.
#   descriptor 3  with --postmaster: the application's life line. Nothing is ever written to it; its end says that the
#                 application which embeds the postmaster is dead. It must be in blocking mode.
#
# What happens, in this order:
#   the life line ends                 wait the grace (the workers are told by their own channels and may finish),
#                                      then kill the groups, then every process that carries the epoch's cookie
#   the application's line ends        wait the grace, kill the postmaster if its line has not ended by then, and do
#                                      the rest at once: all is gone one grace after the application, not two
#   at last                            remove the shared memory of this epoch, and the directory named by --remove
#
# Two processes read one line each, because a shell cannot wait for two descriptors: a watcher reads descriptor 3 and
# rings (SIGUSR1) at the main shell, which interrupts its `read` or `wait`. A ring that falls between a test and the
# `read` is lost, so the watcher goes on ringing until its parent is gone.
#
# Never a recycled pid: the postmaster is killed only while its line is open and if it was born when it was born at the
# start; the lines that still stand in the pipe are read before any group is killed; a watcher that lost its main shell
# rings at nobody. What remains is a group whose last member dies within the grace and whose number is given to another
# group in the same second.
#
# Only what every /bin/sh has is used (dash, busybox ash, bash as sh), and kill, sleep, grep, tr, rm. guardian.ts hands this
# text over with `sh -c`, without the lines that are comments: a comment stands on a line of its own.
#
# usage: sh -c TEXT guardian EPOCH GRACE_MS [--postmaster PID] [--remove DIRECTORY]

set -u
trap '' HUP INT TERM QUIT

epoch=$1
cookie=BGWORKER_EPOCH=$epoch
thousandths=$((1000 + $2 % 1000))
grace=$(($2 / 1000)).${thousandths#1}
shift 2
postmaster=
directory=
while [ $# -gt 1 ]; do
  case $1 in
    --postmaster) postmaster=$2 ;;
    --remove) directory=$2 ;;
  esac
  shift 2
done

# Sets `parent` and `birth` of a process from the fields behind its name; both are empty where there is no /proc.
look_at() {
  parent=
  birth=
  { read -r fields <"/proc/$1/stat"; } 2>/dev/null || return 0
  set -- ${fields##*) }
  parent=$2
  birth=${20}
}

kill_postmaster() {
  look_at "$postmaster"
  if [ "$birth" = "$postmaster_birth" ]; then kill -KILL "$postmaster" 2>/dev/null; fi
}

# The watcher's life. `$$` is the main shell's pid in here too, and /proc/self is the watcher, since `read` is built in.
# A main shell that still lives after some rings is one that goes on reading in spite of them (bash as sh on macOS).
watch_application() {
  while read -r ignored <&3; do :; done
  sleep "$grace"
  count=0
  while look_at self && [ "${parent:-$$}" = "$$" ] && kill -USR1 "$$" 2>/dev/null; do
    if [ "$count" -gt 3 ]; then kill_postmaster; fi
    count=$((count + 1))
    sleep 0.05
  done
}

rings=0
watcher=
if [ -n "$postmaster" ]; then
  look_at "$postmaster"
  postmaster_birth=$birth
  trap 'rings=$((rings + 1))' USR1
  watch_application </dev/null &
  watcher=$!
fi

# The watcher never ends before the main shell, so its number is still its own.
leave() {
  if [ -n "$watcher" ]; then kill -KILL "$watcher" 2>/dev/null; fi
  exit 0
}

# 0 and 1 would mean our own group and everybody.
groups=' '
add_group() {
  case $1 in
    '' | *[!0-9]* | 0 | 1) return 0 ;;
  esac
  case $groups in
    *" $1 "*) ;;
    *) groups="$groups$1 " ;;
  esac
}

delete_group() {
  case $groups in
    *" $1 "*) groups="${groups%%" $1 "*} ${groups#*" $1 "}" ;;
  esac
}

# A ring without an answer within half a second means a postmaster that not even SIGKILL ends (a dead disk).
heard=0
while :; do
  if read -r word group; then
    case $word in
      add) add_group "$group" ;;
      del) delete_group "$group" ;;
      end) leave ;;
    esac
  elif [ "$rings" -eq "$heard" ] || [ "$rings" -gt 10 ]; then
    break
  else
    heard=$rings
    kill_postmaster
  fi
done

if [ "$rings" -eq 0 ]; then
  sleep "$grace" 3<&- &
  timer=$!
  wait "$timer" || kill -KILL "$timer" 2>/dev/null
fi

for group in $groups; do
  kill -KILL "-$group" 2>/dev/null
done

# Pids of the processes that were born with the cookie; the guardian itself was born without it. The entries of an
# environment are divided by NUL. Alpine's grep sees no further than the first of them and cannot be told better, so
# there each process has its own `tr`. By first digits, because the names of all processes of a large machine are more
# than an argument list may hold.
carriers() {
  if [ -z "$has_nul_lines" ]; then
    for file in /proc/[1-9]*/environ; do
      if tr '\0' '\n' <"$file" | grep -qxF "$cookie"; then echo "$file"; fi
    done
    return
  fi
  for digit in 1 2 3 4 5 6 7 8 9; do
    grep -lsxzF "$cookie" "/proc/$digit"*/environ
  done
}
has_nul_lines=
if printf 'a\0b\0' | grep -qxzF b 2>/dev/null; then has_nul_lines=yes; fi

# Whoever left its group still has the cookie. Looked for until a round finds nobody, because one that was just being
# forked is seen only in the next round.
round=0
found=yes
while [ -n "$found" ] && [ "$round" -lt 40 ]; do
  if [ "$round" -gt 1 ]; then sleep 0.05; fi
  found=
  for file in $(carriers 2>/dev/null); do
    pid=${file#/proc/}
    kill -KILL "${pid%/environ}" 2>/dev/null
    found=yes
  done
  round=$((round + 1))
done

# Where there is no /dev/shm this is one name that is not there. The socket by which others see that the owner lives goes
# last: should this be the end of the guardian too, the next postmaster finds what is left by it, or without any.
rm -f -- /dev/shm/bgworker."$epoch".[!a]* /dev/shm/bgworker."$epoch".alive

# At least two levels deep, so neither nothing nor the root is ever removed.
case $directory in
  /?*/?*) rm -rf -- "$directory" ;;
esac

leave
