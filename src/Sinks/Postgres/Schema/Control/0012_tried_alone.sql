-- When a request of which a process may have died was last begun from among those that are tried alone: its message is RabbitMQ's until it ends.
ALTER TABLE tasks ADD COLUMN tried_alone_at timestamptz;
