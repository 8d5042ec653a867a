-- Who recorded what: the events of an actor, in the order of the log.
--
-- A record begins {"actor":"…","command":"…", so the actor is what stands before the first
-- ","command":" (a quotation mark inside the name is escaped), in JSON's spelling. No column
-- repeats it: only the record is evidence. src/iku/ledger/matching.py asks by the same expression.
-- A record that was tampered with may lack the mark: then nothing stands before it.
create index event_actor
          on ledger.event (
               substring(record from 11 for
                         greatest(position('","command":"'::bytea in record) - 11, 0)),
               position
             );
