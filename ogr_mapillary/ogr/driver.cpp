// SPDX-License-Identifier: MIT
// driver.cpp — registration: the two symbols that GDAL's plugin loader looks for.
// Threads: GDAL calls them under its driver manager's lock.
#include <memory>

#include "dataset.h"
#include "memory.h"
#include "options.h"

extern "C" void CPL_DLL RegisterOGRMAPILLARY();
extern "C" void CPL_DLL GDALRegisterMe();

namespace
{
void Unload(GDALDriver *)
{
    mly::ForgetShared();
}
}  // namespace

void RegisterOGRMAPILLARY()
{
    if (!GDAL_CHECK_VERSION("MAPILLARY driver") || GDALGetDriverByName("MAPILLARY"))
        return;

    auto driver = std::make_unique<GDALDriver>();
    driver->SetDescription("MAPILLARY");
    driver->SetMetadataItem(GDAL_DMD_LONGNAME, "Mapillary street-level imagery (API v4)");
    driver->SetMetadataItem(GDAL_DMD_HELPTOPIC, "https://www.mapillary.com/developer/api-documentation");
    driver->SetMetadataItem(GDAL_DCAP_VECTOR, "YES");
    driver->SetMetadataItem(GDAL_DCAP_OPEN, "YES");
    driver->SetMetadataItem(GDAL_DCAP_MULTIPLE_VECTOR_LAYERS, "YES");
    driver->SetMetadataItem(GDAL_DCAP_FIELD_DOMAINS, "YES");
    driver->SetMetadataItem(GDAL_DMD_CONNECTION_PREFIX, mly::kPrefix);
    driver->SetMetadataItem(GDAL_DMD_OPENOPTIONLIST, mly::OpenOptionList().c_str());
    driver->SetMetadataItem(GDAL_DMD_SUPPORTED_SQL_DIALECTS, "OGRSQL SQLITE");
    driver->pfnIdentify = OGRMapillaryDataset::Identify;
    driver->pfnOpen = OGRMapillaryDataset::Open;
    driver->pfnUnloadDriver = Unload;
    GetGDALDriverManager()->RegisterDriver(driver.release());
}

// The fallback that GDAL tries when the file has been given another name.
void GDALRegisterMe()
{
    RegisterOGRMAPILLARY();
}
