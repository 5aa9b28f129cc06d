# Stands in for a node of Oban, whose packages come from a registry that not everybody reaches: a real process of the BEAM that takes and
# ends jobs by the statements of Oban's basic engine, through psql. Its name is what docs/queues/oban.md says.
[recipe, _] = "RECIPE" |> System.fetch_env!() |> File.read!() |> String.split("\ntoken =\n")
Code.eval_string(recipe)

defmodule Producer do
  def run do
    uuid = 16 |> :crypto.strong_rand_bytes() |> Base.encode16(case: :lower)
    IO.puts("ready")
    take(node_name(), uuid, String.to_integer(System.fetch_env!("CONCURRENCY")), 0)
  end

  defp node_name do
    case {System.get_env("WITHOUT_LINE"), System.get_env("NAME")} do
      {nil, nil} -> apply(ProcessToken, :get, [])
      {nil, name} -> name <> "." <> apply(ProcessToken, :get, [])
      {_, _} -> "plain"
    end
  end

  defp take(node, uuid, limit, running) do
    taken = if running < limit, do: fetch(node, uuid, limit - running), else: []
    parent = self()
    for job <- taken, do: spawn_link(fn -> work(job) && send(parent, :ended) end)
    wait(node, uuid, limit, running + length(taken))
  end

  defp wait(node, uuid, limit, running) do
    receive do
      :ended -> take(node, uuid, limit, running - 1)
    after
      200 -> take(node, uuid, limit, running)
    end
  end

  defp fetch(node, uuid, demand) do
    query("""
    with subset as materialized (
      select id from #{table()} where state = 'available' and queue = '#{System.get_env("QUEUE", "default")}'
       order by priority, scheduled_at, id limit #{demand} for update skip locked)
    update #{table()} j
       set state = 'executing', attempted_at = '#{now()}', attempted_by = array['#{node}', '#{uuid}'], attempt = attempt + 1
      from subset x where j.id = x.id and j.attempt < j.max_attempts
    returning j.id, j.attempt, coalesce(j.args ->> 'hangs', ''), concat(j.args ->> 'blocksUntil', j.args ->> 'waitsUntil')
    """)
  end

  defp work([id, attempt, hangs, latch]) do
    note("start", id)
    if latch != "", do: wait_for(latch, attempt)
    # Its process is killed meanwhile.
    if hangs == "true" and attempt == "1", do: Process.sleep(:infinity)
    note("end", id)
    query("update #{table()} set state = 'completed', completed_at = '#{now()}' where id = #{id}")
  end

  defp wait_for(latch, attempt) do
    unless File.exists?(latch) or File.exists?(latch <> "." <> attempt) do
      Process.sleep(100)
      wait_for(latch, attempt)
    end
  end

  defp note(what, id) do
    query("insert into public.noted (what, job_id, pid) values ('#{what}', '#{id}', #{System.pid()})")
  end

  defp table, do: System.fetch_env!("SCHEMA") <> ".oban_jobs"
  defp now, do: NaiveDateTime.to_string(NaiveDateTime.utc_now())

  defp query(sql) do
    words = ["-XqAt", "-F", "|", "-v", "ON_ERROR_STOP=1", "-c", sql, System.fetch_env!("DATABASE_URL")]
    {printed, 0} = System.cmd("psql", words, stderr_to_stdout: true)
    for line <- String.split(printed, "\n", trim: true), do: String.split(line, "|")
  end
end

Producer.run()
