package category

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// systems are statements in the manner of well-known systems' logs, with all
// that their lines begin with.
var systems = map[string][]string{
	"distributed file system": {
		"{day} {n} INFO dfs.DataNode$DataXceiver: Receiving block {id} src: /{ip} dest: /{ip}",
		"{day} {n} INFO dfs.DataNode$PacketResponder: Received block {id} of size {n} from /{host}",
		"{day} {n} INFO dfs.DataNode$PacketResponder: PacketResponder {n} for block {id} terminating",
		"{day} {n} INFO dfs.FSNamesystem: BLOCK* NameSystem.addStoredBlock: blockMap updated: {ip} is added to {id} size {n}",
		"{day} {n} INFO dfs.FSNamesystem: BLOCK* NameSystem.allocateBlock: {path}/part-{n}. {id}",
		"{day} {n} INFO dfs.DataBlockScanner: Verification succeeded for {id}",
		"{day} {n} INFO dfs.FSDataset: Deleting block {id} file {path}/{id}",
		"{day} {n} WARN dfs.DataNode$DataXceiver: {ip}:Got exception while serving {id} to /{host}:",
		"{day} {n} INFO dfs.FSNamesystem: BLOCK* ask {ip} to replicate {id} to datanode(s) {ip}",
		"{day} {n} INFO dfs.DataNode: Starting thread to transfer block {id} to {ip}",
	},
	"secure shell": {
		"{syslog} LabSZ sshd[{n}]: Failed password for {user} from {host} port {n} ssh2",
		"{syslog} LabSZ sshd[{n}]: Failed password for invalid user {user} from {host} port {n} ssh2",
		"{syslog} LabSZ sshd[{n}]: Accepted password for {user} from {host} port {n} ssh2",
		"{syslog} LabSZ sshd[{n}]: Connection closed by {host} [preauth]",
		"{syslog} LabSZ sshd[{n}]: Received disconnect from {host}: {n}: Bye Bye [preauth]",
		"{syslog} LabSZ sshd[{n}]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={host}  user={user}",
		"{syslog} LabSZ sshd[{n}]: pam_unix(sshd:auth): check pass; user unknown",
		"{syslog} LabSZ sshd[{n}]: reverse mapping checking getaddrinfo for {user}.example.org [{host}] failed - POSSIBLE BREAK-IN ATTEMPT!",
		"{syslog} LabSZ sshd[{n}]: Did not receive identification string from {host}",
		"{syslog} LabSZ sshd[{n}]: error: Could not load host key: {path}",
		"{syslog} LabSZ sshd[{n}]: Invalid user {user} from {host}",
		"{syslog} LabSZ sshd[{n}]: input_userauth_request: invalid user {user} [preauth]",
	},
	"web server": {
		"[{syslog} 2005] [notice] workerEnv.init() ok {path}",
		"[{syslog} 2005] [error] mod_jk child workerEnv in error state {n}",
		"[{syslog} 2005] [notice] jk2_init() Found child {n} in scoreboard slot {n}",
		"[{syslog} 2005] [error] [client {host}] Directory index forbidden by rule: {path}",
		"[{syslog} 2005] [error] [client {host}] File does not exist: {path}",
		"[{syslog} 2005] [error] jk2_init() Can't find child {n} in scoreboard",
		"[{syslog} 2005] [notice] caught SIGTERM, shutting down",
		"[{syslog} 2005] [warn] child process {n} still did not exit, sending a SIGTERM",
	},
	"cluster computing": {
		"{stamp} INFO executor.Executor: Running task {n}.0 in stage {n}.0 (TID {n})",
		"{stamp} INFO executor.Executor: Finished task {n}.0 in stage {n}.0 (TID {n}). {n} bytes result sent to driver",
		"{stamp} INFO storage.BlockManager: Found block rdd_{n}_{n} locally",
		"{stamp} INFO storage.MemoryStore: Block broadcast_{n} stored as values in memory (estimated size {n} KB, free {n} KB)",
		"{stamp} INFO storage.MemoryStore: Block broadcast_{n}_piece{n} stored as bytes in memory (estimated size {n} KB, free {n} KB)",
		"{stamp} INFO broadcast.TorrentBroadcast: Reading broadcast variable {n} took {n} ms",
		"{stamp} INFO broadcast.TorrentBroadcast: Started reading broadcast variable {n}",
		"{stamp} INFO python.PythonRunner: Times: total = {n}, boot = {n}, init = {n}, finish = {n}",
		"{stamp} INFO executor.CoarseGrainedExecutorBackend: Got assigned task {n}",
		"{stamp} INFO output.FileOutputCommitter: Saved output of task 'attempt_{n}_{n}_m_{n}_{n}' to hdfs://{host}{path}",
		"{stamp} WARN spark.ExecutorAllocationManager: No stages are running, but numRunningTasks != 0",
	},
	"coordination": {
		"{iso} - INFO  [/{host}:3888:QuorumCnxManager$Listener@{n}] - Received connection request /{ip}",
		"{iso} - WARN  [RecvWorker:{n}:QuorumCnxManager$RecvWorker@{n}] - Connection broken for id {n}, my id = {n}, error =",
		"{iso} - WARN  [RecvWorker:{n}:QuorumCnxManager$RecvWorker@{n}] - Interrupting SendWorker",
		"{iso} - WARN  [SendWorker:{n}:QuorumCnxManager$SendWorker@{n}] - Send worker leaving thread",
		"{iso} - WARN  [SendWorker:{n}:QuorumCnxManager$SendWorker@{n}] - Interrupted while waiting for message on queue",
		"{iso} - INFO  [NIOServerCxn.Factory:0.0.0.0/0.0.0.0:2181:NIOServerCnxnFactory@{n}] - Accepted socket connection from /{ip}",
		"{iso} - INFO  [NIOServerCxn.Factory:0.0.0.0/0.0.0.0:2181:ZooKeeperServer@{n}] - Client attempting to establish new session at /{ip}",
		"{iso} - INFO  [CommitProcessor:{n}:ZooKeeperServer@{n}] - Established session {hex} with negotiated timeout {n} for client /{ip}",
		"{iso} - INFO  [SyncThread:{n}:FileTxnLog@{n}] - Creating new log file: log.{n}",
		"{iso} - INFO  [SessionTracker:ZooKeeperServer@{n}] - Expiring session {hex}, timeout of {n}ms exceeded",
		"{iso} - INFO  [ProcessThread(sid:{n} cport:-1)::PrepRequestProcessor@{n}] - Processed session termination for sessionid: {hex}",
	},
	"phone": {
		"{syslog} {n} {n} D PowerManagerService: acquireWakeLockInternal: lock={n}, flags={hex}, tag=\"{user}\", name=com.android.{user}, ws=null, uid={n}, pid={n}",
		"{syslog} {n} {n} D PowerManagerService: releaseWakeLockInternal: lock={n} [{user}], flags={hex}",
		"{syslog} {n} {n} I ActivityManager: Start proc {n}:com.android.{user}/u0a{n} for service com.android.{user}/.Service",
		"{syslog} {n} {n} I ActivityManager: Killing {n}:com.android.{user}/u0a{n} (adj {n}): empty for {n}s",
		"{syslog} {n} {n} V WindowManager: Skipping AppWindowToken{{hex} token=Token{{hex}}} -- going to hide",
		"{syslog} {n} {n} I WindowManager: Screen frozen for +{n}ms due to Window{{hex}}",
		"{syslog} {n} {n} E AudioFlinger: not enough memory for AudioTrack size={n}",
		"{syslog} {n} {n} W InputDispatcher: channel '{hex} com.android.{user} (server)' ~ Consumer closed input channel or an error occurred. events={hex}",
		"{syslog} {n} {n} I TelephonyManager: getCellLocation returning null because of {user}",
	},
	"Chinese service": {
		"{iso} [订单服务] 用户{user}提交订单{n}失败，库存不足",
		"{iso} [订单服务] 订单{n}支付成功，金额{n}元",
		"{iso} [网关] 请求{path}超时，耗时{n}毫秒",
		"{iso} [数据库] 连接池已满，等待线程数{n}",
		"{iso} [数据库] 主从同步延迟{n}秒，超过阈值",
	},
	"application server": {
		"{iso} ERROR [http-nio-{n}-exec-{n}] com.acme.web.ErrorHandler - Request {uuid} failed\njava.lang.IllegalStateException: no session {hex}\n\tat com.acme.web.Session.find(Session.java:{n})\n\tat com.acme.web.Handler.serve(Handler.java:{n})",
		"{iso} ERROR [http-nio-{n}-exec-{n}] com.acme.db.Pool - Could not borrow a connection within {n} ms\njava.sql.SQLTransientConnectionException: timeout\n\tat com.acme.db.Pool.borrow(Pool.java:{n})",
		"{iso} INFO  [main] com.acme.Main - Started in {n} seconds (process running for {n})",
		"{iso} INFO  [scheduler-{n}] com.acme.mail.Sender - Sent {n} mails to {mail} in {n} ms",
		"{iso} WARN  [gc] com.acme.Memory - Heap usage {n} percent after collection {n}",
		"{iso} DEBUG [worker-{n}] com.acme.queue.Consumer - Polled {n} messages from topic {user} partition {n} offset {n}",
	},
	"operating system kernel": {
		"{syslog} node{n} kernel: [{n}.{n}] EXT4-fs (sd{letter}{n}): mounted filesystem with ordered data mode. Opts: (null)",
		"{syslog} node{n} kernel: [{n}.{n}] EXT4-fs (sd{letter}{n}): unmounting filesystem",
		"{syslog} node{n} kernel: [{n}.{n}] Out of memory: Killed process {n} ({app}) total-vm:{n}kB, anon-rss:{n}kB, file-rss:{n}kB",
		"{syslog} node{n} kernel: [{n}.{n}] e1000e {hex} eth{n}: NIC Link is Up 1000 Mbps Full Duplex, Flow Control: Rx/Tx",
		"{syslog} node{n} kernel: [{n}.{n}] e1000e {hex} eth{n}: NIC Link is Down",
		"{syslog} node{n} kernel: [{n}.{n}] Dentry cache hash table entries: {n} (order: {n}, {n} bytes)",
		"{syslog} node{n} kernel: [{n}.{n}] Inode-cache hash table entries: {n} (order: {n}, {n} bytes)",
		"{syslog} node{n} kernel: [{n}.{n}] usb {n}-{n}: new high-speed USB device number {n} using xhci_hcd",
		"{syslog} node{n} kernel: [{n}.{n}] usb {n}-{n}: new full-speed USB device number {n} using xhci_hcd",
		"{syslog} node{n} kernel: [{n}.{n}] usb {n}-{n}: USB disconnect, device number {n}",
		"{syslog} node{n} kernel: [{n}.{n}] TCP: request_sock_TCP: Possible SYN flooding on port {n}. Sending cookies.",
		"{syslog} node{n} kernel: [{n}.{n}] CPU{n}: Core temperature above threshold, cpu clock throttled (total events = {n})",
		"{syslog} node{n} kernel: [{n}.{n}] CPU{n}: Package temperature above threshold, cpu clock throttled (total events = {n})",
		"{syslog} node{n} kernel: [{n}.{n}] CPU{n}: Core temperature/speed normal",
		"{syslog} node{n} kernel: [{n}.{n}] blk_update_request: I/O error, dev sd{letter}, sector {n}",
		"{syslog} node{n} kernel: [{n}.{n}] {app}[{n}]: segfault at {n} ip {hex} sp {hex} error {n} in {app}[{hex}+{hex}]",
	},
	"database": {
		"{sql} LOG:  connection received: host={host} port={n}",
		"{sql} LOG:  connection authorized: user={user} database={app}",
		"{sql} LOG:  disconnection: session time: {n}:{n}:{n} user={user} database={app} host={host} port={n}",
		"{sql} LOG:  checkpoint starting: time",
		"{sql} LOG:  checkpoint complete: wrote {n} buffers ({n}%); {n} WAL file(s) added, {n} removed, {n} recycled; write={n} s, sync={n} s, total={n} s",
		"{sql} ERROR:  duplicate key value violates unique constraint \"{table}_pkey\"",
		"{sql} ERROR:  insert or update on table \"{table}\" violates foreign key constraint \"{table}_{user}_fkey\"",
		"{sql} ERROR:  relation \"{table}\" does not exist at character {n}",
		"{sql} ERROR:  column \"{table}\" does not exist at character {n}",
		"{sql} LOG:  automatic vacuum of table \"{app}.public.{table}\": index scans: {n}",
		"{sql} LOG:  automatic analyze of table \"{app}.public.{table}\" system usage: CPU: user: {n} s, system: {n} s, elapsed: {n} s",
		"{sql} ERROR:  canceling statement due to statement timeout",
		"{sql} ERROR:  canceling statement due to user request",
		"{sql} ERROR:  canceling statement due to lock timeout",
		"{sql} LOG:  process {n} still waiting for ShareLock on transaction {n} after {n} ms",
		"{sql} LOG:  process {n} acquired ShareLock on transaction {n} after {n} ms",
		"{sql} FATAL:  password authentication failed for user \"{user}\"",
		"{sql} FATAL:  remaining connection slots are reserved for non-replication superuser connections",
		"{sql} LOG:  duration: {n} ms  statement: SELECT id, name FROM {table} WHERE id = {n}",
	},
	"mail server": {
		"{syslog} mx postfix/smtpd[{n}]: connect from {domain}[{host}]",
		"{syslog} mx postfix/smtpd[{n}]: disconnect from {domain}[{host}]",
		"{syslog} mx postfix/smtpd[{n}]: lost connection after AUTH from {domain}[{host}]",
		"{syslog} mx postfix/smtpd[{n}]: lost connection after RCPT from {domain}[{host}]",
		"{syslog} mx postfix/cleanup[{n}]: {queue}: message-id=<{mail}>",
		"{syslog} mx postfix/qmgr[{n}]: {queue}: from=<{mail}>, size={n}, nrcpt={n} (queue active)",
		"{syslog} mx postfix/qmgr[{n}]: {queue}: removed",
		"{syslog} mx postfix/smtp[{n}]: {queue}: to=<{mail}>, relay={domain}[{host}]:25, delay={n}, dsn=2.0.0, status=sent (250 OK)",
		"{syslog} mx postfix/smtp[{n}]: {queue}: to=<{mail}>, relay=none, delay={n}, dsn=4.4.1, status=deferred (connect to {domain}[{host}]:25: Connection timed out)",
		"{syslog} mx postfix/smtp[{n}]: {queue}: to=<{mail}>, relay=none, delay={n}, dsn=4.4.1, status=deferred (connect to {domain}[{host}]:25: Connection refused)",
		"{syslog} mx postfix/smtpd[{n}]: NOQUEUE: reject: RCPT from {domain}[{host}]: 554 Relay access denied; from=<{mail}> to=<{mail}> proto=ESMTP",
		"{syslog} mx postfix/smtpd[{n}]: NOQUEUE: reject: RCPT from {domain}[{host}]: 450 Client host rejected: cannot find your hostname; from=<{mail}> to=<{mail}> proto=ESMTP",
		"{syslog} mx postfix/smtpd[{n}]: warning: {domain}[{host}]: SASL LOGIN authentication failed: UGFzc3dvcmQ6",
		"{syslog} mx dovecot: imap-login: Login: user=<{user}>, method=PLAIN, rip={host}, lip={host}, mpid={n}, TLS",
		"{syslog} mx dovecot: pop3-login: Login: user=<{user}>, method=PLAIN, rip={host}, lip={host}, mpid={n}, TLS",
		"{syslog} mx dovecot: imap({user}): Logged out in={n} out={n}",
	},
	"firewall and proxy": {
		"[{n}.{n} {n}:{n}:{n}] {app}.exe - {domain}:443 open through proxy proxy.example.org:5070 HTTPS",
		"[{n}.{n} {n}:{n}:{n}] {app}.exe - {domain}:443 close, {n} bytes sent, {n} bytes received, lifetime {n}:{n}",
		"[{n}.{n} {n}:{n}:{n}] {app}.exe - {domain}:443 error : Could not connect through proxy proxy.example.org:5070 - Proxy server cannot establish a connection with the target, status code {n}",
		"{syslog} gw %ASA-6-302013: Built inbound TCP connection {n} for outside:{host}/{n} to inside:{host}/{n}",
		"{syslog} gw %ASA-6-302013: Built outbound TCP connection {n} for outside:{host}/{n} to inside:{host}/{n}",
		"{syslog} gw %ASA-6-302014: Teardown TCP connection {n} for outside:{host}/{n} to inside:{host}/{n} duration {n}:{n}:{n} bytes {n} TCP FINs",
		"{syslog} gw %ASA-6-302016: Teardown UDP connection {n} for outside:{host}/{n} to inside:{host}/{n} duration {n}:{n}:{n} bytes {n}",
		"{syslog} gw %ASA-4-106023: Deny tcp src outside:{host}/{n} dst inside:{host}/{n} by access-group \"outside_in\"",
		"{syslog} gw %ASA-4-106023: Deny udp src outside:{host}/{n} dst inside:{host}/{n} by access-group \"outside_in\"",
		"{syslog} gw squid[{n}]: Detected DEAD Parent: {domain}",
		"{syslog} gw squid[{n}]: Detected REVIVED Parent: {domain}",
		"{syslog} gw squid[{n}]: storeDirWriteCleanLogs: Starting...",
		"{syslog} gw haproxy[{n}]: Server {app}/{user} is DOWN, reason: Layer4 connection problem, info: \"Connection refused\", check duration: {n}ms. {n} active and {n} backup servers left.",
		"{syslog} gw haproxy[{n}]: Server {app}/{user} is UP, reason: Layer4 check passed, check duration: {n}ms. {n} active and {n} backup servers online.",
	},
	"container platform": {
		"I{n} {n}:{n}:{n}.{n} {n} kubelet.go:{n}] \"SyncLoop ADD\" source=\"api\" pods=[default/{pod}]",
		"I{n} {n}:{n}:{n}.{n} {n} kubelet.go:{n}] \"SyncLoop DELETE\" source=\"api\" pods=[default/{pod}]",
		"I{n} {n}:{n}:{n}.{n} {n} kubelet.go:{n}] \"SyncLoop (probe)\" probe=\"readiness\" status=\"ready\" pod=\"default/{pod}\"",
		"I{n} {n}:{n}:{n}.{n} {n} event.go:{n}] \"Event occurred\" object=\"default/{pod}\" kind=\"Pod\" type=\"Normal\" reason=\"Pulled\" message=\"Successfully pulled image {app} in {n}ms\"",
		"E{n} {n}:{n}:{n}.{n} {n} pod_workers.go:{n}] Error syncing pod {uuid}, skipping: failed to \"StartContainer\" for \"{app}\" with CrashLoopBackOff: back-off {n}s restarting failed container={app} pod={pod}",
		"E{n} {n}:{n}:{n}.{n} {n} pod_workers.go:{n}] Error syncing pod {uuid}, skipping: failed to \"StartContainer\" for \"{app}\" with ImagePullBackOff: Back-off pulling image \"registry.example.com/{app}\"",
		"W{n} {n}:{n}:{n}.{n} {n} prober.go:{n}] Liveness probe for container {app} in pod {pod} failed: HTTP probe failed with statuscode: {n}",
		"W{n} {n}:{n}:{n}.{n} {n} prober.go:{n}] Readiness probe for container {app} in pod {pod} failed: HTTP probe failed with statuscode: {n}",
		"I{n} {n}:{n}:{n}.{n} {n} scheduler.go:{n}] Successfully assigned pod {pod} to node {user}",
		"I{n} {n}:{n}:{n}.{n} {n} scheduler.go:{n}] Unable to schedule pod {pod}: no fit: {n} nodes are available: {n} Insufficient cpu, waiting",
		"I{n} {n}:{n}:{n}.{n} {n} scheduler.go:{n}] Unable to schedule pod {pod}: no fit: {n} nodes are available: {n} Insufficient memory, waiting",
		"I{n} {n}:{n}:{n}.{n} {n} replica_set.go:{n}] Too few replicas for ReplicaSet default/{app}, need {n}, creating {n}",
		"I{n} {n}:{n}:{n}.{n} {n} replica_set.go:{n}] Too many replicas for ReplicaSet default/{app}, need {n}, deleting {n}",
		"{iso} etcd: read-only range request took too long ({n}ms) to execute",
		"{iso} etcd: apply request took too long ({n}ms) to execute",
		"{iso} etcd: finished scheduled compaction at {n} (took {n}ms)",
	},
	"garbage collection": {
		"[{iso}][{n}.{n}s][info][gc] GC({n}) Pause Young (Normal) (G1 Evacuation Pause) {n}M->{n}M({n}M) {n}.{n}ms",
		"[{iso}][{n}.{n}s][info][gc] GC({n}) Pause Young (Concurrent Start) (G1 Humongous Allocation) {n}M->{n}M({n}M) {n}.{n}ms",
		"[{iso}][{n}.{n}s][info][gc] GC({n}) Pause Young (Mixed) (G1 Evacuation Pause) {n}M->{n}M({n}M) {n}.{n}ms",
		"[{iso}][{n}.{n}s][info][gc] GC({n}) Pause Full (G1 Compaction Pause) {n}M->{n}M({n}M) {n}.{n}ms",
		"[{iso}][{n}.{n}s][info][gc] GC({n}) Pause Remark {n}M->{n}M({n}M) {n}.{n}ms",
		"[{iso}][{n}.{n}s][info][gc] GC({n}) Pause Cleanup {n}M->{n}M({n}M) {n}.{n}ms",
		"[{iso}][{n}.{n}s][info][gc] GC({n}) Concurrent Mark Cycle {n}.{n}ms",
		"[{iso}][{n}.{n}s][info][gc,start] GC({n}) Concurrent Undo Cycle",
		"[{iso}][{n}.{n}s][info][gc,heap] GC({n}) Eden regions: {n}->{n}({n})",
		"[{iso}][{n}.{n}s][info][gc,heap] GC({n}) Survivor regions: {n}->{n}({n})",
		"[{iso}][{n}.{n}s][info][gc,heap] GC({n}) Old regions: {n}->{n}",
		"[{iso}][{n}.{n}s][info][gc,heap] GC({n}) Humongous regions: {n}->{n}",
		"[{iso}][{n}.{n}s][info][gc,metaspace] GC({n}) Metaspace: {n}K({n}K)->{n}K({n}K) NonClass: {n}K({n}K)->{n}K({n}K) Class: {n}K({n}K)->{n}K({n}K)",
		"[{iso}][{n}.{n}s][info][gc,cpu] GC({n}) User={n}.{n}s Sys={n}.{n}s Real={n}.{n}s",
		"[{iso}][{n}.{n}s][info][safepoint] Safepoint \"{safepoint}\", Time since last: {n} ns, Reaching safepoint: {n} ns, At safepoint: {n} ns, Total: {n} ns",
	},
	"desktop events": {
		"{iso} Information Service Control Manager 7036 The {service} service entered the running state.",
		"{iso} Information Service Control Manager 7036 The {service} service entered the stopped state.",
		"{iso} Error Service Control Manager 7031 The {service} service terminated unexpectedly. It has done this {n} time(s). The following corrective action will be taken in {n} milliseconds: Restart the service.",
		"{iso} Error Service Control Manager 7000 The {service} service failed to start due to the following error: The service did not respond to the start or control request in a timely fashion.",
		"{iso} Audit Success Security 4624 An account was successfully logged on. Subject: Security ID: SYSTEM Account Name: {user} Logon Type: {n} Source Network Address: {host}",
		"{iso} Audit Failure Security 4625 An account failed to log on. Subject: Security ID: SYSTEM Account Name: {user} Logon Type: {n} Source Network Address: {host}",
		"{iso} Audit Success Security 4634 An account was logged off. Subject: Security ID: SYSTEM Account Name: {user} Logon Type: {n}",
		"{iso} Audit Success Security 4720 A user account was created. Subject: Security ID: SYSTEM Account Name: {user} New Account: {user}",
		"{iso} Audit Success Security 4726 A user account was deleted. Subject: Security ID: SYSTEM Account Name: {user} Target Account: {user}",
		"{iso} Audit Success Security 4732 A member was added to a security-enabled local group. Member: {user} Group Name: {app}",
		"{iso} Audit Success Security 4733 A member was removed from a security-enabled local group. Member: {user} Group Name: {app}",
		"{iso} Information CBS Starting TrustedInstaller initialization.",
		"{iso} Information CBS Ending TrustedInstaller initialization.",
		"{iso} Information CBS Starting TrustedInstaller finalization.",
		"{iso} Information CBS Ending TrustedInstaller finalization.",
		"{iso} Information Kernel-General 12 The operating system started at system time {iso}.",
		"{iso} Information Kernel-General 13 The operating system is shutting down at system time {iso}.",
		"{iso} Warning DNS Client Events 1014 Name resolution for the name {domain} timed out after none of the configured DNS servers responded.",
	},
	"supercomputer": {
		"{rack} {iso} RAS KERNEL INFO {n} ddr errors(s) detected and corrected on rank {n}, symbol {n}, bit {n}",
		"{rack} {iso} RAS KERNEL INFO instruction cache parity error corrected",
		"{rack} {iso} RAS KERNEL FATAL data cache parity error corrected",
		"{rack} {iso} RAS KERNEL FATAL data storage interrupt",
		"{rack} {iso} RAS KERNEL FATAL data TLB error interrupt",
		"{rack} {iso} RAS KERNEL INFO generating core.{n}",
		"{rack} {iso} RAS KERNEL INFO {n} floating point alignment exceptions",
		"{rack} {iso} RAS KERNEL INFO {n} double-hummer alignment exceptions",
		"{rack} {iso} RAS APP FATAL ciod: Error reading message prefix on CioStream socket to {ip}, Connection reset by peer",
		"{rack} {iso} RAS APP FATAL ciod: Error reading message prefix on CioStream socket to {ip}, Connection timed out",
		"{rack} {iso} RAS APP FATAL ciod: Error reading message prefix on CioStream socket to {ip}, Link has been severed",
		"{rack} {iso} RAS APP FATAL ciod: Error loading {path}: invalid or missing program image, Exec format error",
		"{rack} {iso} RAS APP FATAL ciod: Error loading {path}: invalid or missing program image, Permission denied",
		"{rack} {iso} RAS KERNEL INFO {n} torus receiver x+ input pipe error(s) (dcr {hex}) detected and corrected",
		"{rack} {iso} RAS KERNEL FATAL rts: kernel terminated for reason {n}",
		"{rack} {iso} RAS KERNEL FATAL machine check: i-fetch......................{n}",
		"{rack} {iso} RAS KERNEL FATAL program interrupt: illegal instruction......{n}",
		"{rack} {iso} RAS KERNEL FATAL program interrupt: privileged instruction...{n}",
		"{rack} {iso} RAS LINKCARD INFO MidplaneSwitchController performing bit sparing on {rack} bit {n}",
	},
}

// TestSystems: on each system's lines, statements with their usual frequencies
// (the k-th is a k-th as frequent), at least three messages of four are in a
// category that holds exactly their statement's, and nine of ten in the mean. There are about as many categories as
// statements: neither is everything one, nor each line its own.
func TestSystems(t *testing.T) {
	sum := 0.0
	for _, name := range slices.Sorted(maps.Keys(systems)) {
		statements := systems[name]
		rng := rand.New(rand.NewPCG(7, 7))
		weights := 0.0
		for k := range statements {
			weights += 1 / float64(k+1)
		}
		c := New(Limits{})
		const n = 3000
		truth, got := make([]int, n), make([]int, n)
		for i := range n {
			at := rng.Float64() * weights
			for at -= 1; at > 0 && truth[i] < len(statements)-1; at -= 1 / float64(truth[i]+1) {
				truth[i]++
			}
			got[i], _ = c.Categorize([]byte(fill(rng, statements[truth[i]])), nil)
		}
		accuracy := grouping(truth, got)
		sum += accuracy
		t.Logf("%s: %.3f, %d categories of %d statements", name, accuracy, c.Len(), len(statements))
		if accuracy < 0.75 {
			t.Errorf("%s: grouping accuracy %.3f", name, accuracy)
			for id := 1; id <= min(c.Len(), 40); id++ {
				t.Logf("%6d %s", c.Definition(id).NumMatches, c.Definition(id).Terms)
			}
		}
		if 2*c.Len() < len(statements) || c.Len() > 2*len(statements) {
			t.Errorf("%s: %d categories of %d statements", name, c.Len(), len(statements))
		}
	}
	if mean := sum / float64(len(systems)); mean < 0.9 {
		t.Errorf("the mean grouping accuracy is %.3f, want 0.90", mean)
	}
}

// grouping is the share of messages whose group holds exactly the messages of
// their statement.
func grouping(truth, got []int) float64 {
	sizes, members := map[int]int{}, map[int]map[int]int{}
	for i := range truth {
		sizes[truth[i]]++
		if members[got[i]] == nil {
			members[got[i]] = map[int]int{}
		}
		members[got[i]][truth[i]]++
	}
	right := 0
	for i := range truth {
		if m := members[got[i]]; len(m) == 1 && m[truth[i]] == sizes[truth[i]] {
			right++
		}
	}
	return float64(right) / float64(len(truth))
}

// TestScriptsWithoutSpaces: names in the middle of such a text do not make it a
// statement of its own, and the regular expression matches.
func TestScriptsWithoutSpaces(t *testing.T) {
	c := New(Limits{})
	for _, name := range []string{"张三", "李四", "王小明", "欧阳修"} {
		if id, _ := c.Categorize([]byte("用户"+name+"从地址10.0.0.1登录系统成功"), nil); id != 1 {
			t.Errorf("%s is in category %d", name, id)
		}
	}
	if got := c.Definition(1).Regex; !strings.HasPrefix(got, ".*?用.*?户.*?从.*?地.*?址") {
		t.Errorf("the regular expression is %s", got)
	}
}

func BenchmarkSystems(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	c := New(Limits{})
	var messages [][]byte
	for _, name := range slices.Sorted(maps.Keys(systems)) {
		for range 512 {
			messages = append(messages, []byte(fill(rng, systems[name][rng.IntN(len(systems[name]))])))
		}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.Categorize(messages[i%len(messages)], nil)
	}
}
