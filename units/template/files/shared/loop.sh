#!/bin/sh
# Works through tasks, one at a time, oldest name first:
#
#   inbox/NAME -> doing/NAME -> done/NAME | failed/NAME, each with NAME.out and NAME.err
#
# A task is a file with the prompt. Write it under a name that begins with a dot, then rename it.
# One that was under way when the loop was killed is tried again, three times at most. Limits (HALT, a
# spent budget, a rate) are no fault of the task: it waits for as long as it takes.
set -u
mkdir -p inbox doing done failed work .tries
limit=${TASK_SECONDS:-1800}
most=${TASK_TRIES:-3}
pause=${PAUSE_SECONDS:-30}
{{Prepare}}
ask() {
  {{Ask}}
}

beat() { date +%s >heartbeat; }

rest() { # SECONDS, beating
  n=0
  while [ "$n" -lt "$1" ]; do
    beat
    sleep 1
    n=$((n + 1))
  done
}

guard() { # PID: beats while it works, ends it when it takes too long
  n=0
  while kill -0 "$1" 2>/dev/null; do
    beat
    sleep 1
    n=$((n + 1))
    if [ "$n" -eq "$limit" ]; then
      echo "task takes longer than $limit s: it is ended"
      kill "$1"
    elif [ "$n" -eq $((limit + 10)) ]; then
      kill -9 "$1"
    fi
  done
}

work() { # NAME; the status is that of the agent
  (cd work && ask "$@") <"doing/$task" >"doing/$task.out" 2>"doing/$task.err" &
  agent=$!
  guard "$agent" &
  watcher=$!
  wait "$agent"
  status=$?
  kill "$watcher" 2>/dev/null
  wait "$watcher" 2>/dev/null
  return "$status"
}

limited() {
  grep -Eiq 'breaker_halt|budget|quota|rate.limit|(status|error):? *(402|429|503)' "doing/$task.out" "doing/$task.err"
}

put() { mv "doing/$task" "doing/$task.out" "doing/$task.err" "$1"; }

for task in doing/*; do
  case $task in *.out | *.err) rm -f "$task" ;; *) [ -f "$task" ] && mv "$task" inbox/ ;; esac
done
wait_for=$pause
idle=0
echo "waits for tasks in inbox/"
while :; do
  [ $((idle % 10)) -ne 0 ] || beat
  task=
  for file in inbox/*; do
    case $file in *.out | *.err) continue ;; esac
    if [ -f "$file" ] && [ ! -L "$file" ]; then
      task=${file#inbox/}
      break
    fi
  done
  if [ -z "$task" ]; then
    sleep 1
    idle=$((idle + 1))
    continue
  fi
  tries=$(cat ".tries/$task" 2>/dev/null || echo 0)
  tries=$((tries + 1))
  echo "$tries" >".tries/$task"
  mv "inbox/$task" "doing/$task"
  echo "task $task begins, try $tries"
  if work "$@"; then
    put done/
    rm -f ".tries/$task"
    echo "task $task is done"
    wait_for=$pause
    continue
  fi
  echo "task $task failed: $(tail -q -c 400 "doing/$task.out" "doing/$task.err" | tr '\n' ' ')"
  if limited; then
    echo $((tries - 1)) >".tries/$task"
  elif [ "$tries" -ge "$most" ]; then
    put failed/
    rm -f ".tries/$task"
    echo "task $task is given up after $tries tries"
    continue
  fi
  mv "doing/$task" inbox/
  echo "task $task is tried again in $wait_for s"
  rest "$wait_for"
  wait_for=$((wait_for * 2))
  [ "$wait_for" -le 900 ] || wait_for=900
done
