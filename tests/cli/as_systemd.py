#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Start a command as systemd would: with a listening socket as descriptor 3, and a socket to be told on.

    as_systemd.py COMMAND...

Prints the port, then each thing it is told; asks for / when told READY=1, prints the status, ends it with SIGTERM.
"""
import http.client, os, signal, socket, sys, tempfile

listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
folder = tempfile.mkdtemp()
told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
told.bind(folder + "/notify")
told.settimeout(60)

pid = os.fork()
if pid == 0:
    os.dup2(listener.fileno(), 3)
    os.set_inheritable(3, True)
    os.execvpe(sys.argv[1], sys.argv[1:], dict(os.environ, LISTEN_FDS="1", LISTEN_PID=str(os.getpid()),
                                               NOTIFY_SOCKET=folder + "/notify"))
listener.close()
print("port", port, flush=True)
word = ""
while word != "STOPPING=1":
    word = told.recv(4096).decode().split("\n")[0]
    print(word, flush=True)
    if word == "READY=1":
        c = http.client.HTTPConnection("127.0.0.1", port)
        c.request("GET", "/health/ready")
        print("status", c.getresponse().status, flush=True)
        os.kill(pid, signal.SIGTERM)
print("exit", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
os.unlink(folder + "/notify")
os.rmdir(folder)
