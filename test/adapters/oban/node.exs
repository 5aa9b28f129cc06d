# A node of Oban: its library in an application of its own, named as docs/queues/oban.md says.
[recipe, _] = "RECIPE" |> System.fetch_env!() |> File.read!() |> String.split("\ntoken =\n")
Code.eval_string(recipe)

for app <- [:telemetry, :decimal, :jason, :db_connection, :postgrex, :ecto, :ecto_sql, :oban] do
  {:ok, _} = Application.ensure_all_started(app)
  # As a release does: a node's first job does not wait for modules to be loaded.
  for module <- Application.spec(app, :modules), do: Code.ensure_loaded(module)
end

# What a user of PgBouncer sets for Ecto: no prepared statements that outlive a transaction. In the application's environment, because Oban's
# notifier connects by that, too.
settings = [url: System.fetch_env!("DATABASE_URL"), log: false, pool_size: 5, prepare: :unnamed]
Application.put_env(:work, Repo, settings)

defmodule Repo do
  use Ecto.Repo, otp_app: :work, adapter: Ecto.Adapters.Postgres
end

defmodule Tables do
  use Ecto.Migration
  def change, do: Oban.Migrations.up(prefix: System.fetch_env!("SCHEMA"))
end

defmodule Work do
  use Oban.Worker

  @impl Oban.Worker
  def perform(%Oban.Job{id: id, attempt: attempt, args: args}) do
    note("start", id)
    latch = args["blocksUntil"] || args["waitsUntil"]
    if latch, do: wait_for(latch, attempt)
    # Its process is killed meanwhile.
    if args["hangs"] && attempt == 1, do: Process.sleep(:infinity)
    note("end", id)
  end

  @impl Oban.Worker
  def backoff(_job), do: 1

  defp wait_for(latch, attempt) do
    unless File.exists?(latch) or File.exists?("#{latch}.#{attempt}") do
      Process.sleep(100)
      wait_for(latch, attempt)
    end
  end

  defp note(what, id) do
    values = [what, to_string(id), String.to_integer(System.pid())]
    Repo.query!("insert into public.noted (what, job_id, pid) values ($1, $2, $3)", values)
    :ok
  end
end

env = &System.get_env/1

line =
  case {env.("WITHOUT_LINE"), env.("NAME")} do
    {nil, nil} -> [node: ProcessToken.get()]
    {nil, name} -> [node: name <> "." <> ProcessToken.get()]
    {_, _} -> [node: "plain"]
  end

{:ok, _} = Repo.start_link()

if env.("TABLES") do
  Ecto.Migrator.up(Repo, 1, Tables, log: false)
else
  # For how long a dead leader is one, and how often a node looks for jobs on its own.
  patience = :timer.seconds(String.to_integer(env.("PATIENCE_S") || "1"))
  limit = String.to_integer(env.("CONCURRENCY"))
  queues = [{String.to_atom(env.("QUEUE") || "default"), limit: limit, refresh_interval: patience}]

  plugins =
    case env.("RESCUE_AFTER_S") do
      nil -> []
      seconds -> [{Oban.Plugins.Lifeline, interval: 1_000, rescue_after: 1_000 * String.to_integer(seconds)}]
    end

  notifier = if env.("POLLS"), do: Oban.Notifiers.PG, else: Oban.Notifiers.Postgres

  peer = {Oban.Peers.Postgres, interval: patience}
  own = [repo: Repo, prefix: env.("SCHEMA"), queues: queues, plugins: plugins, notifier: notifier, peer: peer]
  {:ok, _} = Oban.start_link(own ++ line)
  if env.("RETRY"), do: :ok = Oban.retry_job(String.to_integer(env.("RETRY")))

  IO.puts("ready")
  # While it knows of others it leaves it to the leader to find jobs that no message tells of.
  Enum.find(Stream.repeatedly(fn -> Process.sleep(100) && Oban.Notifier.status() end), &(&1 == :clustered))
  IO.puts("clustered")
  Process.sleep(:infinity)
end
