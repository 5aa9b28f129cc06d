// A worker of River as a separate process: docs/queues/river.md with a job that says when it starts and ends. Compiled together with
// docs/recipes/token.go, for whichever version of River go.mod names.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

type WorkArgs struct {
	Hangs       bool   `json:"hangs"`
	BlocksUntil string `json:"blocksUntil"`
	WaitsUntil  string `json:"waitsUntil"`
}

func (WorkArgs) Kind() string { return "work" }

type Worker struct {
	river.WorkerDefaults[WorkArgs]
	pool *pgxpool.Pool
}

func (w *Worker) Work(ctx context.Context, job *river.Job[WorkArgs]) error {
	w.note(ctx, "start", job.ID)
	if latch := job.Args.BlocksUntil + job.Args.WaitsUntil; latch != "" {
		must(exec.Command("sh", "-c", `until [ -e "$0" ] || [ -e "$0.$1" ]; do sleep 0.1; done`, latch,
			strconv.Itoa(job.Attempt)).Run())
	}
	if job.Args.Hangs && job.Attempt == 1 {
		time.Sleep(time.Hour) // its process is killed meanwhile
	}
	w.note(ctx, "end", job.ID)
	return nil
}

// Also after the job has timed out.
func (w *Worker) note(ctx context.Context, what string, id int64) {
	_, err := w.pool.Exec(context.WithoutCancel(ctx), "insert into public.noted (what, job_id, pid) values ($1, $2, $3)",
		what, strconv.FormatInt(id, 10), os.Getpid())
	must(err)
}

// worker migrate | work | get <id> | retry <id> | cancel <id>
func main() {
	ctx := context.Background()
	schema := os.Getenv("SCHEMA")
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	must(err)
	driver := riverpgxv5.New(pool)
	switch os.Args[1] {
	case "migrate":
		migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Schema: schema})
		must(err)
		_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		must(err)
	case "work":
		work(ctx, pool, config(pool, schema))
	default:
		client, err := river.NewClient(driver, &river.Config{Schema: schema})
		must(err)
		id, err := strconv.ParseInt(os.Args[2], 10, 64)
		must(err)
		print(call(ctx, client, os.Args[1], id))
	}
}

func config(pool *pgxpool.Pool, schema string) *river.Config {
	workers := river.NewWorkers()
	river.AddWorker(workers, &Worker{pool: pool})
	concurrency, err := strconv.Atoi(os.Getenv("CONCURRENCY"))
	must(err)
	queue := river.QueueDefault
	if named := os.Getenv("QUEUE"); named != "" {
		queue = named
	}
	config := &river.Config{
		FetchPollInterval: 200 * time.Millisecond,
		JobTimeout:        -1,
		PollOnly:          os.Getenv("POLL_ONLY") != "",
		Queues:            map[string]river.QueueConfig{queue: {MaxWorkers: concurrency}},
		Schema:            schema,
		Workers:           workers,
	}
	if os.Getenv("WITHOUT_LINE") == "" {
		config.ID = clientID(os.Getenv("NAME"))
	}
	if rescue := os.Getenv("RESCUE_AFTER"); rescue != "" {
		config.RescueStuckJobsAfter, err = time.ParseDuration(rescue)
		must(err)
		config.JobTimeout = config.RescueStuckJobsAfter / 2
	}
	return config
}

// clientID is the line of docs/queues/river.md, after a name that comes again with each start.
func clientID(name string) string {
	token, err := ProcessToken()
	must(err)
	random := make([]byte, 2)
	_, err = rand.Read(random)
	must(err)
	if name != "" {
		token = name + "." + token
	}
	return token + "." + hex.EncodeToString(random)
}

func work(ctx context.Context, pool *pgxpool.Pool, config *river.Config) {
	client, err := river.NewClient(riverpgxv5.New(pool), config)
	must(err)
	must(client.Start(ctx))
	fmt.Println("ready")
	select {}
}

func call(ctx context.Context, client *river.Client[pgx.Tx], what string, id int64) any {
	switch what {
	case "retry":
		job, err := client.JobRetry(ctx, id)
		must(err)
		return job
	case "cancel":
		job, err := client.JobCancel(ctx, id)
		must(err)
		return job
	default:
		job, err := client.JobGet(ctx, id)
		must(err)
		return job
	}
}

func print(value any) {
	must(json.NewEncoder(os.Stdout).Encode(value))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
