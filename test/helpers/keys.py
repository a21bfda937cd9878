"""Runs a program on a terminal of its own, and presses keys: `keys.py STEPS PROGRAM ARGUMENT...`.

STEPS is JSON: a list of [text to wait for, keys to press | "SIGNAME" to send]. Prints JSON: what the terminal
was like before, while the program read keys, and after it ended ([line by line, echo]), its exit code, and
what it printed.
"""
import fcntl, json, os, pty, select, signal, struct, subprocess, sys, termios, time

WAIT_S = 60
steps, command = json.loads(sys.argv[1]), sys.argv[2:]
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 100, 0, 0))


def modes():
    local = termios.tcgetattr(slave)[3]
    return [bool(local & termios.ICANON), bool(local & termios.ECHO)]


def begin():
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


def read(seconds):
    if not select.select([master], [], [], seconds)[0]:
        return ''
    return os.read(master, 65536).decode('utf8', 'replace')


before = modes()
child = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, preexec_fn=begin)
printed, since, during = '', 0, before
for text, act in steps:
    end = time.time() + WAIT_S
    while text not in printed[since:]:
        if time.time() > end or child.poll() is not None:
            print(json.dumps({'missing': text, 'printed': printed}))
            child.kill()
            sys.exit(1)
        printed += read(0.1)
    during = modes()
    # What is waited for next comes after this.
    since = len(printed)
    if act.startswith('SIG'):
        child.send_signal(getattr(signal, act))
    else:
        os.write(master, act.encode())
end = time.time() + WAIT_S
while child.poll() is None and time.time() < end:
    printed += read(0.1)
if child.poll() is None:
    child.kill()
printed += read(0)
print(json.dumps({'before': before, 'during': during, 'after': modes(), 'code': child.wait(), 'printed': printed}))
