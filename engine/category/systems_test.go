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
}

// TestSystems: on each system's lines, statements with their usual frequencies
// (the k-th is a k-th as frequent), at least nine messages of ten are in a category
// that holds exactly their statement's. There are about as many categories as
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
		if accuracy < 0.8 {
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
