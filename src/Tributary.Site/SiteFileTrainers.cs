using Tributary.Configuration;
using Tributary.Federation.Jobs;
using Tributary.Provisioning;

namespace Tributary.Site;

/// <summary>Reads the trainers that a site's configuration offers: as a job file for a simulation has them, each with data of its own where it says so.</summary>
internal static class SiteFileTrainers
{
    private const string Off = "off";

    public static SiteFile Read(YamlMap? map, SiteFile file, Kit kit)
    {
        if (map is null)
        {
            return file;
        }

        var offers = new List<SiteTrainerOffer>();
        foreach (string name in map.Keys)
        {
            if (name == TrainerOffer.Builtin)
            {
                file = ReadBuiltin(map, file, kit);
            }
            else if (TrainerOffers.Open(map, name) is { } below)
            {
                offers.Add(new SiteTrainerOffer(TrainerOffers.ReadOne(name, below), SiteFile.ReadPath(below, "data", kit)));
                below.RefuseOtherKeys();
            }
        }

        return file with { Trainers = [.. offers.OrderBy(offer => offer.Offer.Name, StringComparer.Ordinal)] };
    }

    private static SiteFile ReadBuiltin(YamlMap map, SiteFile file, Kit kit)
    {
        if (!map.IsMap(TrainerOffer.Builtin))
        {
            return file with { OffersBuiltin = map.Choice(TrainerOffer.Builtin, ["on", Off]) != Off };
        }

        YamlMap below = map.Map(TrainerOffer.Builtin)!;
        file = file with { BuiltinDataPath = SiteFile.ReadPath(below, "data", kit) };
        below.RefuseOtherKeys();
        return file;
    }
}
